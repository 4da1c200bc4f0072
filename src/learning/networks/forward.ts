import { layerSizes, type NetworkShape, type NetworkWeights } from './network-shape.ts'

/** A network ready to be asked for one customer at a time, without TensorFlow.js. */
export interface ForwardNetwork {
  /** Bottleneck activations of a feature vector: a new array of `bottleneck` numbers in [-1, 1]. */
  bottleneck(x: Float64Array): Float64Array
  /** Uncalibrated probability of each head. */
  heads(x: Float64Array): Float64Array
}

/** The same sums as TensorFlow.js, in double precision: equal to its single precision within 1e-5. */
export function createForwardNetwork(shape: NetworkShape, { layers }: NetworkWeights): ForwardNetwork {
  const sizes = layerSizes(shape)
  const dense = sizes.map(([inputs, units], place) => {
    const layer = layers[place]
    if (layer?.kernel.length !== inputs * units || layer.bias.length !== units) {
      throw new RangeError(`layer ${place} is not of ${inputs} × ${units} weights`)
    }
    return { units, kernel: Float64Array.from(layer.kernel), bias: Float64Array.from(layer.bias) }
  })
  const run = (place: number, x: Float64Array, activate: (z: number) => number): Float64Array => {
    const { units, kernel, bias } = dense[place]!
    const out = bias.slice()
    for (let i = 0; i < x.length; i += 1) {
      const xi = x[i]!
      if (xi === 0) continue
      for (let j = 0, at = i * units; j < units; j += 1, at += 1) out[j]! += xi * kernel[at]!
    }
    for (let j = 0; j < units; j += 1) out[j] = activate(out[j]!)
    return out
  }
  const bottleneck = (x: Float64Array): Float64Array => {
    if (x.length !== shape.inputs) throw new RangeError(`${x.length} features, not ${shape.inputs}`)
    return run(1, run(0, x, relu), Math.tanh)
  }
  return { bottleneck, heads: (x) => run(2, bottleneck(x), logistic) }
}

function relu(z: number): number {
  return Math.max(0, z)
}

function logistic(z: number): number {
  return 1 / (1 + Math.exp(-z))
}
