import type { InstantMs } from './clock.ts'
import type { ContactSlot } from './guardrail.ts'
import type { JsonObject } from './json.ts'
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
  /** Traits that a campaign watches over for fairness: no feature is made of them. Left out: none. */
  watched?: readonly string[]
  /** What a placement was asked for with; left out where nobody asked. */
  request?: { placement: string; context: JsonObject }
}

/** Hashed features of one customer: mostly absent ones, so only those that are there. */
export interface TailFeatures {
  /** Ascending, each once, below the schema's `tailSlots`. */
  slots: Uint32Array
  /** Of each slot. */
  values: Float64Array
}

export const noTail: TailFeatures = Object.freeze({ slots: new Uint32Array(), values: new Float64Array() })

export interface FeatureVector {
  /** Of the schema's dimensions. */
  dense: Float64Array
  /** Empty where the schema has no tail. */
  tail: TailFeatures
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
  /** Decisions weigh the tail too, record it, and learn from it. */
  decidesByTail: boolean
  /**
   * SHA-256 (hex) of the names, the sizes and of the vectors of fixed customers, so that it changes when the
   * meaning of a dimension does.
   */
  hash: string
  vector(input: FeatureInput): FeatureVector
  /** What the customer's tail is made of, for people: the same features with their names. */
  namedTail?(input: FeatureInput): NamedTailFeature[]
  /** Where the feature of that name would stand; null where no feature of the tail is called so. */
  tailSlotOf?(name: string): number | null
}

export interface NamedTailFeature {
  slot: number
  /** `trait city=Oslo`: what the slot is the hash of. */
  name: string
  value: number
}

/** What a snapshot and a model say of the schema they were made with. */
export type FeatureSchemaId = Pick<FeatureSchema, 'name' | 'dimensions' | 'hash'> &
  Partial<Pick<FeatureSchema, 'tailSlots'>>

/** Schemas whose dense vector is that of another one, with a tail beside it. */
const denseSchemas: Readonly<Record<string, string>> = { v3: 'v1' }

/** Whether dense features mean the same in two schemas, by name: what heads learned with one holds for the other. */
export function haveSameDense(a: string, b: string): boolean {
  return (denseSchemas[a] ?? a) === (denseSchemas[b] ?? b)
}

/** A schema of that prefix and a model's id is the bottleneck of that network. */
export const networkSchemaPrefix = 'network:'

/** Of a network's bottleneck as features: a constant, and so many units. */
export function networkFeatureNames(units: number): string[] {
  return ['constant', ...Array.from({ length: units }, (_, unit) => `bottleneck unit ${unit}`)]
}
