import { hash } from 'node:crypto'
import {
  type FeatureSchema,
  networkFeatureNames,
  networkSchemaPrefix,
  noTail,
  type TailFeatures,
} from '#contracts/feature-schema.ts'
import { featureProbes, tailProbes } from './feature-probes.ts'
import { featureDimensions, featureNamesV1, featureSchemaV1, featureVector } from './features.ts'
import { featureNamesV2, featureSchemaV2, featureVectorV2, tailSlotsV2 } from './features-v2.ts'
import { featureSchemaV3, namedTailV3, tailSlotsV3, tailSlotV3, tailV3 } from './features-v3.ts'

/**
 * The schemas that need nothing but code, by name. A schema that decisions or models were made with is never
 * changed: a change is a new one beside it, and what was learned with the old one starts anew, but for heads
 * whose dense features are the same (`haveSameDense`).
 */
export const builtInFeatureSchemas: ReadonlyMap<string, FeatureSchema> = new Map(
  [
    withHash({
      name: featureSchemaV1,
      dimensions: featureDimensions,
      names: featureNamesV1,
      tailSlots: 0,
      decidesByTail: false,
      vector: (input) => ({ dense: featureVector(input), tail: noTail }),
    }),
    withHash({
      name: featureSchemaV2,
      dimensions: featureNamesV2.length,
      names: featureNamesV2,
      tailSlots: tailSlotsV2,
      // Its tail has no bound: networks are trained on the dense part, and decisions are not made by it.
      decidesByTail: false,
      vector: featureVectorV2,
    }),
    withHash(
      {
        name: featureSchemaV3,
        dimensions: featureDimensions,
        names: featureNamesV1,
        tailSlots: tailSlotsV3,
        decidesByTail: true,
        vector: (input) => ({ dense: featureVector(input), tail: tailV3(input) }),
        namedTail: namedTailV3,
        tailSlotOf: tailSlotV3,
      },
      tailProbes,
    ),
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

function withHash(schema: Omit<FeatureSchema, 'hash'>, probes = featureProbes): FeatureSchema {
  const { name, dimensions, names, tailSlots } = schema
  const vectors = probes.map((probe) => {
    const { dense, tail } = schema.vector(probe)
    // Rounded: another engine's logarithm may differ in the last bit, and means the same.
    return [Array.from(dense, (value) => value.toFixed(6)), hashedTail(tail)]
  })
  return { ...schema, hash: hash('sha256', JSON.stringify([name, dimensions, names, tailSlots, vectors])) }
}

/** The slots alone where all are 1, as before values were known. */
function hashedTail({ slots, values }: TailFeatures): (number | string)[] {
  const areOnes = values.every((value) => value === 1)
  return [...slots, ...(areOnes ? [] : Array.from(values, (value) => value.toFixed(6)))]
}
