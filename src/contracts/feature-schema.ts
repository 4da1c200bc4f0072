import type { InstantMs } from './clock.ts'
import type { ContactSlot } from './guardrail.ts'
import type { Profile } from './profile.ts'

/** What a feature vector is made of: a customer as known at one instant. */
export interface FeatureInput {
  profile: Profile
  /** Declared traits; dots reach into objects. */
  traits: readonly string[]
  contacts: readonly ContactSlot[]
  now: InstantMs
  /** IANA zone of the customer. */
  zone: string
}

export interface FeatureVector {
  /** Of the schema's dimensions. */
  dense: Float64Array
  /** Slots of the hashed tail that are 1, ascending, each once; empty where the schema has no tail. */
  sparse: Uint32Array
}

/** One version of what a model sees of a customer: the same at decision and at training. */
export interface FeatureSchema {
  /** `v1`, `v2`, `network:<model id>`. */
  name: string
  /** Of the dense vector, the constant included: at most 64. */
  dimensions: number
  /** Meaning of each dimension, for people. */
  names: readonly string[]
  /** Slots of the hashed tail, a power of 2; 0 for none. */
  tailSlots: number
  /**
   * SHA-256 (hex) of the names, the sizes and of the vectors of fixed customers, so that it changes when the
   * meaning of a dimension does.
   */
  hash: string
  vector(input: FeatureInput): FeatureVector
}

/** What a snapshot and a model say of the schema they were made with. */
export type FeatureSchemaId = Pick<FeatureSchema, 'name' | 'dimensions' | 'hash'>

/** A schema of that prefix and a model's id is the bottleneck of that network. */
export const networkSchemaPrefix = 'network:'

/** Of a network's bottleneck as features: a constant, and so many units. */
export function networkFeatureNames(units: number): string[] {
  return ['constant', ...Array.from({ length: units }, (_, unit) => `bottleneck unit ${unit}`)]
}
