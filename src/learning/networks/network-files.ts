import { layerNames, layerSizes, type NetworkShape, type NetworkWeights } from './network-shape.ts'

/** `model.json` of the TensorFlow.js layers format, as far as we read it. */
export interface LayersModelFile {
  format: string
  generatedBy: string
  convertedBy: string | null
  modelTopology: object
  weightsManifest: { paths: string[]; weights: { name: string; shape: number[]; dtype: string }[] }[]
  userDefinedMetadata: { starling: NetworkMetadata }
}

/** What a network needs to be used, beside its weights. */
export interface NetworkMetadata {
  modelId: string
  shape: NetworkShape
  /** Features that it takes, and declared traits that enter them. */
  featureSchema: string
  featureSchemaHash: string
  traits: string[]
}

/** Reads what `encodeNetwork` wrote, without TensorFlow.js. Throws on anything else. */
export function decodeNetwork(
  modelJson: string,
  weightsBin: Uint8Array,
): { metadata: NetworkMetadata; weights: NetworkWeights } {
  const file = JSON.parse(modelJson) as LayersModelFile
  const metadata = file.userDefinedMetadata?.starling
  const specs = file.weightsManifest?.[0]?.weights
  if (file.format !== 'layers-model' || metadata === undefined || specs === undefined) {
    throw new Error('not a layers model that Starling wrote')
  }
  const floats = new Float32Array(weightsBin.slice().buffer)
  let used = 0
  const take = (name: string, size: number): Float32Array => {
    const spec = specs.find((own) => own.name.endsWith(name))
    if (
      spec?.dtype !== 'float32' ||
      spec.shape.reduce((a, b) => a * b, 1) !== size ||
      used + size > floats.length
    ) {
      throw new Error(`the weights ${name} are not ${size} numbers`)
    }
    used += size
    return floats.slice(used - size, used)
  }
  const weights = {
    layers: layerSizes(metadata.shape).map(([inputs, units], place) => ({
      kernel: take(`${layerNames[place]}/kernel`, inputs * units),
      bias: take(`${layerNames[place]}/bias`, units),
    })),
  }
  if (used !== floats.length) throw new Error(`${floats.length - used} weights left over`)
  return { metadata, weights }
}
