import * as tf from '@tensorflow/tfjs-core'
import * as layers from '@tensorflow/tfjs-layers'
import type { LayersModelFile, NetworkMetadata } from './network-files.ts'
import {
  activations,
  layerNames,
  layerSizes,
  type NetworkShape,
  type NetworkWeights,
} from './network-shape.ts'
import { openTensorBackend } from './tensor-backend.ts'

/** The layers model, with its weights: what TensorFlow.js itself makes of them. */
export async function layersModelOf(
  shape: NetworkShape,
  weights: NetworkWeights,
): Promise<layers.Sequential> {
  await openTensorBackend()
  const model = layers.sequential()
  for (const [place, [inputs, units]] of layerSizes(shape).entries()) {
    const activation = activations[place]!
    const own = { name: layerNames[place]!, units, activation }
    model.add(layers.layers.dense(place === 0 ? { ...own, inputShape: [inputs] } : own))
  }
  const tensors = layerSizes(shape).flatMap(([inputs, units], place) => {
    const { kernel, bias } = weights.layers[place]!
    return [tf.tensor2d(kernel, [inputs, units]), tf.tensor1d(bias)]
  })
  model.setWeights(tensors)
  tf.dispose(tensors)
  return model
}

/** As `model.json` and `weights.bin`, which `tf.loadLayersModel` reads. */
export async function encodeNetwork(
  metadata: NetworkMetadata,
  weights: NetworkWeights,
): Promise<{ modelJson: string; weightsBin: Uint8Array }> {
  const model = await layersModelOf(metadata.shape, weights)
  let artifacts: tf.io.ModelArtifacts | undefined
  await model.save(
    tf.io.withSaveHandler(async (saved) => {
      artifacts = saved
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } }
    }),
  )
  model.dispose()
  const { modelTopology, weightSpecs, weightData, generatedBy } = artifacts!
  const file: LayersModelFile = {
    format: 'layers-model',
    generatedBy: generatedBy ?? 'TensorFlow.js',
    convertedBy: null,
    modelTopology: modelTopology as object,
    weightsManifest: [{ paths: ['weights.bin'], weights: weightSpecs as never }],
    userDefinedMetadata: { starling: metadata },
  }
  return {
    modelJson: JSON.stringify(file),
    weightsBin: new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData)),
  }
}
