import * as tf from '@tensorflow/tfjs-core'
import * as layers from '@tensorflow/tfjs-layers'
import { beforeAll, describe, expect, test } from 'vitest'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { createForwardNetwork } from '../../../../src/learning/networks/forward.ts'
import { decodeNetwork } from '../../../../src/learning/networks/network-files.ts'
import { encodeNetwork, layersModelOf } from '../../../../src/learning/networks/network-format.ts'
import type { NetworkShape } from '../../../../src/learning/networks/network-shape.ts'
import { openTensorBackend } from '../../../../src/learning/networks/tensor-backend.ts'
import {
  type NetworkRows,
  type TrainedNetwork,
  trainNetwork,
} from '../../../../src/learning/networks/train-network.ts'

const shape: NetworkShape = { inputs: 6, hidden: 16, bottleneck: 8, heads: ['sum', 'exclusive'] }

/** The first head is a logistic of a sum, the second an exclusive or, known for two rows in three. */
function makeRows(count: number, seed: number): NetworkRows {
  const random = createSeededRandom(seed)
  const x = Float32Array.from({ length: count * 6 }, (_, i) => (i % 6 === 0 ? 1 : random.next() * 2 - 1))
  const y = new Float32Array(count * 2)
  const part = new Uint8Array(count)
  for (let row = 0; row < count; row += 1) {
    const [, a, b, c] = x.subarray(row * 6) as unknown as [number, number, number, number]
    y[row * 2] = random.next() < 1 / (1 + Math.exp(-(2 * a - 3 * b))) ? 1 : 0
    y[row * 2 + 1] = row % 3 === 0 ? Number.NaN : b * c > 0 ? 1 : 0
    part[row] = row % 5 === 0 ? 1 : row % 5 === 1 ? 2 : 0
  }
  return { count, x, y, part }
}

const rows = makeRows(3_000, 3)
const metadata = { modelId: 'n1', shape, featureSchema: 'v2', featureSchemaHash: 'ab', traits: ['plan'] }
let trained: TrainedNetwork
beforeAll(async () => {
  trained = await trainNetwork(shape, rows, { seed: 4, epochsMax: 40 })
})

describe('a trained network', () => {
  test('finds what a line cannot, and keeps its best epoch', () => {
    const network = createForwardNetwork(shape, trained.weights)
    let right = 0
    let asked = 0
    for (let row = 0; row < rows.count; row += 1) {
      const y = rows.y[row * 2 + 1]!
      if (rows.part[row] !== 2 || Number.isNaN(y)) continue
      asked += 1
      const p = network.heads(Float64Array.from(rows.x.subarray(row * 6, row * 6 + 6)))[1]!
      if (p > 0.5 === (y === 1)) right += 1
    }
    expect(right / asked).toBeGreaterThan(0.9)
    expect(trained.bestEpoch).toBe(1 + trained.heldOutLosses.indexOf(Math.min(...trained.heldOutLosses)))
  })

  test('is the same for the same seed and data', async () => {
    const once = await trainNetwork(shape, rows, { seed: 9, epochsMax: 2 })
    const again = await trainNetwork(shape, rows, { seed: 9, epochsMax: 2 })
    const other = await trainNetwork(shape, rows, { seed: 10, epochsMax: 2 })
    expect(again.weights).toEqual(once.weights)
    expect(other.weights).not.toEqual(once.weights)
  })

  test('gives the activations that TensorFlow.js gives, within 1e-5', async () => {
    const model = await layersModelOf(shape, trained.weights)
    const inner = layers.model({ inputs: model.inputs, outputs: model.getLayer('bottleneck').output })
    const x = tf.tensor2d(rows.x, [rows.count, 6])
    const bottlenecks = (inner.predict(x) as tf.Tensor).dataSync()
    const heads = (model.predict(x) as tf.Tensor).dataSync()
    const network = createForwardNetwork(shape, trained.weights)
    let largest = 0
    for (let row = 0; row < rows.count; row += 1) {
      const own = Float64Array.from(rows.x.subarray(row * 6, row * 6 + 6))
      network.bottleneck(own).forEach((value, unit) => {
        largest = Math.max(largest, Math.abs(value - bottlenecks[row * 8 + unit]!))
      })
      network.heads(own).forEach((value, head) => {
        largest = Math.max(largest, Math.abs(value - heads[row * 2 + head]!))
      })
    }
    expect(largest).toBeLessThan(1e-5)
  })

  test('is written in the format that TensorFlow.js loads, and read back without it', async () => {
    const { modelJson, weightsBin } = await encodeNetwork(metadata, trained.weights)
    expect(decodeNetwork(modelJson, weightsBin)).toEqual({ metadata, weights: trained.weights })
    const file = JSON.parse(modelJson)
    const loaded = await layers.loadLayersModel(
      tf.io.fromMemory({
        modelTopology: file.modelTopology,
        weightSpecs: file.weightsManifest[0].weights,
        weightData: weightsBin.slice().buffer,
      }),
    )
    const x = Float32Array.of(1, 0.5, -0.25, 0.75, -1, 0.1)
    const told = (loaded.predict(tf.tensor2d(x, [1, 6])) as tf.Tensor).dataSync()
    const own = createForwardNetwork(shape, trained.weights).heads(Float64Array.from(x))
    expect(told[0]).toBeCloseTo(own[0]!, 5)
    expect(() => decodeNetwork(modelJson, weightsBin.slice(4))).toThrow('are not')
    expect(() => decodeNetwork('{}', weightsBin)).toThrow('not a layers model')
  })
})

test('WebAssembly is taken where tfjs-node is absent', async () => {
  expect(await openTensorBackend()).toBe('wasm')
})
