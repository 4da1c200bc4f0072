import { layerSizes, type NetworkShape, type NetworkWeights } from './network-shape.ts'

/** What a head's log-odds are made of, in terms of what the network looks at. */
export interface InputContributions {
  /** Log-odds with every input at rest. */
  atRest: number
  /** What each input adds to that, shape (inputs); with `atRest` they add up to the head's log-odds. */
  byInput: Float64Array
}

/** Midpoints on the way: with 256 the parts add up to the whole within 1e-3 or so of a typical head. */
const steps = 256

/**
 * What each input of a network adds to the log-odds of a linear head over its bottleneck: integrated gradients
 * (Sundararajan, Taly and Yan 2017, arXiv 1703.01365) on the straight line from `rest` to `x`, by the midpoint
 * rule. An input that does not differ from rest adds nothing, and the parts add up to the difference.
 *
 * @param head weights over the constant and the bottleneck, shape (1 + bottleneck)
 */
export function inputContributions(
  { shape, weights }: { shape: NetworkShape; weights: NetworkWeights },
  head: Float64Array,
  { x, rest }: { x: Float64Array; rest: Float64Array },
): InputContributions {
  const [[inputs, hidden], [, units]] = layerSizes(shape) as [[number, number], [number, number]]
  const [first, second] = weights.layers as [NetworkWeights['layers'][0], NetworkWeights['layers'][0]]
  const delta = x.map((value, i) => value - rest[i]!)
  /** Hidden sums change linearly along the way: at rest, and how much by the end. */
  const sumsAt = (of: Float64Array, bias: Float32Array | null) => {
    const sums = bias === null ? new Float64Array(hidden) : Float64Array.from(bias)
    for (let i = 0; i < inputs; i += 1) {
      for (let j = 0; j < hidden; j += 1) sums[j]! += of[i]! * first.kernel[i * hidden + j]!
    }
    return sums
  }
  const start = sumsAt(rest, first.bias)
  const slope = sumsAt(delta, null)
  /** Mean over the way of ∂(log-odds)/∂(hidden sum). */
  const pull = new Float64Array(hidden)
  for (let step = 0; step < steps; step += 1) {
    const t = (step + 0.5) / steps
    const z = bottleneckSums(start, slope, t)
    for (let j = 0; j < hidden; j += 1) {
      if (start[j]! + t * slope[j]! <= 0) continue
      for (let k = 0; k < units; k += 1) {
        const tanh = Math.tanh(z[k]!)
        pull[j]! += (head[k + 1]! * (1 - tanh * tanh) * second.kernel[j * units + k]!) / steps
      }
    }
  }
  const byInput = delta.map((change, i) => {
    if (change === 0) return 0
    let sum = 0
    for (let j = 0; j < hidden; j += 1) sum += pull[j]! * first.kernel[i * hidden + j]!
    return change * sum
  })
  const resting = bottleneckSums(start, slope, 0)
  let atRest = head[0]!
  for (let k = 0; k < units; k += 1) atRest += head[k + 1]! * Math.tanh(resting[k]!)
  return { atRest, byInput }

  function bottleneckSums(from: Float64Array, by: Float64Array, t: number): Float64Array {
    const z = Float64Array.from(second.bias)
    for (let j = 0; j < hidden; j += 1) {
      const value = from[j]! + t * by[j]!
      if (value <= 0) continue
      for (let k = 0; k < units; k += 1) z[k]! += value * second.kernel[j * units + k]!
    }
    return z
  }
}
