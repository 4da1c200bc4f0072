import { hash } from 'node:crypto'
import {
  type FeatureSchema,
  networkFeatureNames,
  noTail,
  networkSchemaPrefix as prefix,
} from '#contracts/feature-schema.ts'
import { createForwardNetwork } from './forward.ts'
import type { NetworkMetadata } from './network-files.ts'
import type { NetworkWeights } from './network-shape.ts'

/** The name under which a network's bottleneck is a feature schema. */
export function networkSchemaName(modelId: string): string {
  return prefix + modelId
}

/** Null where the name is not that of a network. */
export function modelIdOf(schemaName: string): string | null {
  return schemaName.startsWith(prefix) ? schemaName.slice(prefix.length) : null
}

/**
 * A network's bottleneck as features: a constant 1 and the activations, each in [-1, 1]. It looks at the
 * traits that it was trained with, whatever a campaign declares. `base`: the schema that it takes.
 */
export function networkFeatures(
  { metadata, weights }: { metadata: NetworkMetadata; weights: NetworkWeights },
  base: FeatureSchema,
): FeatureSchema {
  const { modelId, shape, traits, featureSchemaHash } = metadata
  if (base.hash !== featureSchemaHash) {
    throw new RangeError(
      `network ${modelId} takes ${metadata.featureSchema} of another hash than ${base.name} has`,
    )
  }
  const forward = createForwardNetwork(shape, weights)
  const digest = hash(
    'sha256',
    Buffer.concat([
      Buffer.from(JSON.stringify([metadata, base.hash])),
      ...weights.layers.slice(0, 2).flatMap(({ kernel, bias }) => [bytesOf(kernel), bytesOf(bias)]),
    ]),
  )
  return {
    name: networkSchemaName(modelId),
    dimensions: shape.bottleneck + 1,
    names: networkFeatureNames(shape.bottleneck),
    tailSlots: 0,
    decidesByTail: false,
    hash: digest,
    vector(input) {
      const dense = new Float64Array(shape.bottleneck + 1)
      dense[0] = 1
      dense.set(forward.bottleneck(base.vector({ ...input, traits }).dense), 1)
      return { dense, tail: noTail }
    },
  }
}

function bytesOf(values: Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength)
}
