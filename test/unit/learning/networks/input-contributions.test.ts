import { expect, test } from 'vitest'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { createForwardNetwork } from '../../../../src/learning/networks/forward.ts'
import { inputContributions } from '../../../../src/learning/networks/input-contributions.ts'

const shape = { inputs: 6, hidden: 5, bottleneck: 3, heads: ['y'] }

function network(seed: number) {
  const random = createSeededRandom(seed)
  const numbers = (count: number) => Float32Array.from({ length: count }, () => 2 * random.next() - 1)
  const weights = {
    layers: [
      { kernel: numbers(30), bias: numbers(5) },
      { kernel: numbers(15), bias: numbers(3) },
      { kernel: numbers(3), bias: numbers(1) },
    ],
  }
  const head = Float64Array.from(numbers(4))
  const x = Float64Array.from(numbers(6))
  return { weights, head, x }
}

const logOdds = (weights: ReturnType<typeof network>['weights'], head: Float64Array, x: Float64Array) =>
  createForwardNetwork(shape, weights)
    .bottleneck(x)
    .reduce((sum, unit, k) => sum + head[k + 1]! * unit, head[0]!)

test('the parts add up to the log-odds of the head, and an input at rest adds nothing', () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const { weights, head, x } = network(seed)
    const rest = new Float64Array(6)
    x[2] = 0
    const { atRest, byInput } = inputContributions({ shape, weights }, head, { x, rest })
    expect(atRest).toBeCloseTo(logOdds(weights, head, rest), 12)
    expect(byInput[2]).toBe(0)
    const whole = byInput.reduce((sum, part) => sum + part, atRest)
    expect(Math.abs(whole - logOdds(weights, head, x))).toBeLessThan(2e-3)
  }
})

test('where the network is linear each input adds its weight times its value', () => {
  // One hidden unit far above 0, and a bottleneck so near 0 that tanh is the identity within 1e-9.
  const weights = {
    layers: [
      { kernel: Float32Array.of(1, 2, -4, 0, 0, 0), bias: Float32Array.of(1_000) },
      { kernel: Float32Array.of(2 ** -20), bias: Float32Array.of(-1_000 * 2 ** -20) },
      { kernel: Float32Array.of(1), bias: Float32Array.of(0) },
    ],
  }
  const linear = { inputs: 6, hidden: 1, bottleneck: 1, heads: ['y'] }
  const x = Float64Array.of(0.5, 0.25, 0.125, 0, 1, 0)
  const head = Float64Array.of(0.5, 2 ** 20)
  const found = inputContributions({ shape: linear, weights }, head, { x, rest: new Float64Array(6) })
  expect(found.atRest).toBeCloseTo(0.5, 6)
  const expected = [0.5, 0.5, -0.5, 0, 0, 0]
  found.byInput.forEach((part, i) => {
    expect(part).toBeCloseTo(expected[i]!, 6)
  })
})
