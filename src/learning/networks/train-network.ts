import * as tf from '@tensorflow/tfjs-core'
import type { Random } from '#contracts/random.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { layerSizes, type NetworkShape, type NetworkWeights } from './network-shape.ts'
import { openTensorBackend, type TensorBackend } from './tensor-backend.ts'

/** Rows of a training: `x` is n × inputs, `y` is n × heads, NaN where a row says nothing about a head. */
export interface NetworkRows {
  count: number
  x: Float32Array
  y: Float32Array
  /** 0 teaches, 1 stops the training and calibrates, 2 is only measured. */
  part: Uint8Array
}

export interface TrainingOptions {
  seed: number
  epochsMax: number
  /** Epochs without a better held-out loss after which it ends. */
  patience: number
  batchRows: number
  learningRate: number
}

export const trainingDefaults: TrainingOptions = {
  seed: 1,
  epochsMax: 60,
  patience: 6,
  batchRows: 256,
  learningRate: 0.003,
}

export interface TrainedNetwork {
  weights: NetworkWeights
  backend: TensorBackend
  /** Epochs run, and the one whose weights these are, from 1. */
  epochs: number
  bestEpoch: number
  stoppedEarly: boolean
  /** Held-out log loss, mean over the known labels, by epoch. */
  heldOutLosses: number[]
}

export interface TrainingProgress {
  epoch: number
  epochsMax: number
  heldOutLoss: number
}

/**
 * Trains by Adam on the sigmoid cross entropy of the labels that are known, in shuffled batches, until the loss
 * on part 1 has not fallen for `patience` epochs; the best epoch's weights are kept. Initial weights (Glorot,
 * uniform) and order come from the seed alone.
 */
export async function trainNetwork(
  shape: NetworkShape,
  rows: NetworkRows,
  given: Partial<TrainingOptions> = {},
  onProgress: (progress: TrainingProgress) => void = () => {},
): Promise<TrainedNetwork> {
  const backend = await openTensorBackend()
  const options = { ...trainingDefaults, ...given }
  const random = createSeededRandom(options.seed, 77)
  const taught = rowsOfPart(rows, 0)
  const heldOut = batchOf(shape, rows, rowsOfPart(rows, 1))
  if (taught.length === 0 || heldOut.count === 0) throw new RangeError('there are no rows to train on')
  const variables = initialWeights(shape, random).layers.map(({ kernel, bias }, place) => {
    const [inputs, units] = layerSizes(shape)[place]!
    return {
      kernel: tf.variable(tf.tensor2d(kernel, [inputs, units])),
      bias: tf.variable(tf.tensor1d(bias)),
    }
  })
  const optimizer = tf.train.adam(options.learningRate)
  const losses: number[] = []
  let best = await readWeights(variables)
  let bestEpoch = 0
  try {
    for (let epoch = 1; epoch <= options.epochsMax; epoch += 1) {
      shuffle(taught, random)
      for (let from = 0; from < taught.length; from += options.batchRows) {
        const batch = batchOf(shape, rows, taught.subarray(from, from + options.batchRows))
        optimizer.minimize(() => lossOf(variables, batch))
      }
      const loss = tf.tidy(() => lossOf(variables, heldOut).dataSync()[0]!)
      if (!Number.isFinite(loss)) throw new RangeError(`the held-out loss of epoch ${epoch} is ${loss}`)
      if (bestEpoch === 0 || loss < losses[bestEpoch - 1]! - 1e-5) {
        best = await readWeights(variables)
        bestEpoch = epoch
      }
      losses.push(loss)
      onProgress({ epoch, epochsMax: options.epochsMax, heldOutLoss: loss })
      if (epoch - bestEpoch >= options.patience) break
    }
  } finally {
    optimizer.dispose()
    for (const { kernel, bias } of variables) tf.dispose([kernel, bias])
  }
  const epochs = losses.length
  const stoppedEarly = epochs < options.epochsMax
  return { weights: best, backend, epochs, bestEpoch, stoppedEarly, heldOutLosses: losses }
}

interface LayerVariables {
  kernel: tf.Variable
  bias: tf.Variable
}

interface Batch {
  count: number
  x: Float32Array
  labels: Float32Array
  known: Float32Array
  inputs: number
  heads: number
}

function lossOf(variables: LayerVariables[], batch: Batch): tf.Scalar {
  const [hidden, bottleneck, heads] = variables as [LayerVariables, LayerVariables, LayerVariables]
  const x = tf.tensor2d(batch.x, [batch.count, batch.inputs])
  const labels = tf.tensor2d(batch.labels, [batch.count, batch.heads])
  const known = tf.tensor2d(batch.known, [batch.count, batch.heads])
  const layer = (from: tf.Tensor, { kernel, bias }: LayerVariables) =>
    tf.add(tf.matMul(from as tf.Tensor2D, kernel as tf.Tensor2D), bias)
  const bottlenecks = tf.tanh(layer(tf.relu(layer(x, hidden)), bottleneck))
  return tf.losses.sigmoidCrossEntropy(labels, layer(bottlenecks, heads), known)
}

function batchOf(
  { inputs, heads: { length: heads } }: NetworkShape,
  rows: NetworkRows,
  places: Uint32Array,
): Batch {
  const count = places.length
  const x = new Float32Array(count * inputs)
  const labels = new Float32Array(count * heads)
  const known = new Float32Array(count * heads)
  for (let i = 0; i < count; i += 1) {
    const row = places[i]!
    x.set(rows.x.subarray(row * inputs, (row + 1) * inputs), i * inputs)
    for (let head = 0; head < heads; head += 1) {
      const y = rows.y[row * heads + head]!
      if (Number.isNaN(y)) continue
      labels[i * heads + head] = y
      known[i * heads + head] = 1
    }
  }
  return { count, x, labels, known, inputs, heads }
}

function rowsOfPart({ count, part }: NetworkRows, wanted: number): Uint32Array {
  const places: number[] = []
  for (let row = 0; row < count; row += 1) if (part[row] === wanted) places.push(row)
  return Uint32Array.from(places)
}

function initialWeights(shape: NetworkShape, random: Random): NetworkWeights {
  return {
    layers: layerSizes(shape).map(([inputs, units]) => {
      const limit = Math.sqrt(6 / (inputs + units))
      const kernel = Float32Array.from({ length: inputs * units }, () => (random.next() * 2 - 1) * limit)
      return { kernel, bias: new Float32Array(units) }
    }),
  }
}

async function readWeights(variables: LayerVariables[]): Promise<NetworkWeights> {
  const read = async (variable: tf.Variable): Promise<Float32Array> =>
    Float32Array.from(await variable.data())
  const layers = await Promise.all(
    variables.map(async ({ kernel, bias }) => ({ kernel: await read(kernel), bias: await read(bias) })),
  )
  return { layers }
}

/** Fisher and Yates. */
function shuffle(places: Uint32Array, random: Random): void {
  for (let i = places.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random.next() * (i + 1))
    const kept = places[i]!
    places[i] = places[j]!
    places[j] = kept
  }
}
