import { hash } from 'node:crypto'
import { type FeatureSchema, networkFeatureNames, networkSchemaPrefix } from '#contracts/feature-schema.ts'
import { featureProbes } from './feature-probes.ts'
import { featureDimensions, featureNamesV1, featureSchemaV1, featureVector } from './features.ts'
import { featureNamesV2, featureSchemaV2, featureVectorV2, tailSlotsV2 } from './features-v2.ts'

const noTail = new Uint32Array()

/**
 * The schemas that need nothing but code, by name. A schema that decisions or models were made with is never
 * changed: a change is a new one beside it, and what was learned with the old one starts anew.
 */
export const builtInFeatureSchemas: ReadonlyMap<string, FeatureSchema> = new Map(
  [
    withHash({
      name: featureSchemaV1,
      dimensions: featureDimensions,
      names: featureNamesV1,
      tailSlots: 0,
      vector: (input) => ({ dense: featureVector(input), sparse: noTail }),
    }),
    withHash({
      name: featureSchemaV2,
      dimensions: featureNamesV2.length,
      names: featureNamesV2,
      tailSlots: tailSlotsV2,
      vector: featureVectorV2,
    }),
  ].map((schema) => [schema.name, schema]),
)

/** What decisions see before anything else is published. */
export const firstFeatureSchema = builtInFeatureSchemas.get(featureSchemaV1) as FeatureSchema

/** Of each dimension; those of a schema that is not known go by their number. */
export function featureNamesOf(schema: string, dimensions: number): readonly string[] {
  const names = schema.startsWith(networkSchemaPrefix)
    ? networkFeatureNames(dimensions - 1)
    : (builtInFeatureSchemas.get(schema)?.names ?? [])
  return Array.from({ length: dimensions }, (_, i) => names[i] ?? `feature ${i}`)
}

function withHash(schema: Omit<FeatureSchema, 'hash'>): FeatureSchema {
  const { name, dimensions, names, tailSlots } = schema
  const vectors = featureProbes.map((probe) => {
    const { dense, sparse } = schema.vector(probe)
    // Rounded: another engine's logarithm may differ in the last bit, and means the same.
    return [Array.from(dense, (value) => value.toFixed(6)), [...sparse]]
  })
  return { ...schema, hash: hash('sha256', JSON.stringify([name, dimensions, names, tailSlots, vectors])) }
}
