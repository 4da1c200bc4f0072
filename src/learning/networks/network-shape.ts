/** A network for customers: features → hidden → bottleneck → one probability a head. */
export interface NetworkShape {
  inputs: number
  /** Units, ReLU. */
  hidden: number
  /** Units, tanh: within [-1, 1], as the heads that learn online want their features. At most 63. */
  bottleneck: number
  /** Names of the outputs, a sigmoid each. */
  heads: string[]
}

/** Weights by layer, row by row: `kernel[i * units + j]` leads from input i to unit j. */
export interface NetworkWeights {
  layers: { kernel: Float32Array; bias: Float32Array }[]
}

export const layerNames = ['hidden', 'bottleneck', 'heads'] as const
export const activations = ['relu', 'tanh', 'sigmoid'] as const

/** Inputs and units of each layer. */
export function layerSizes({ inputs, hidden, bottleneck, heads }: NetworkShape): [number, number][] {
  return [
    [inputs, hidden],
    [hidden, bottleneck],
    [bottleneck, heads.length],
  ]
}
