import type { ChannelName } from './campaign.ts'
import type { InstantMs } from './clock.ts'
import type { JsonObject } from './json.ts'

/** What is known of a customer now; stored as `customers.profile_json`. */
export interface Profile {
  traits: JsonObject
  /** Normalised (lower case) from traits.email; absent when unknown. */
  email?: string
  /** IANA zone from traits.timezone or context.timezone, when valid. */
  zone?: string
  locale?: string
  firstSeenAt: InstantMs
  lastSeenAt: InstantMs
  /** By event name (track), `page`, `screen`; at most `eventNamesMax`, the rest under `(other)`. */
  counts: Record<string, EventCounts>
  /**
   * Product events and clicks by hour of the week, UTC: hour, count, hour, count …, by hour. Absent before the
   * first one. Those from before a release that counts them are missing.
   */
  activity?: number[]
  /** Segments the customer is in, and since when. */
  segments: Record<string, InstantMs>
  /** What products the customer's events were about, by `property=value`: `category=Shoes`. */
  affinities?: Record<string, Affinity>
  /** Items of the catalogue that the customer has dealt with lately. */
  items?: ProductInterest
  /** Traits of the accounts that the customer belongs to, by their ids: copies, brought up to date as these change. */
  accounts?: Record<string, JsonObject>
  /** Calibrated probabilities, by name: `conversion`, `churn`, `channel-email`. As of the last scoring. */
  scores?: Record<string, number>
}

/** By item's id, when it was last so; of each kind the newest few. In the cart is what was added after it was removed. */
export interface ProductInterest {
  viewed: Record<string, InstantMs>
  added: Record<string, InstantMs>
  /** From the cart, by hand or by an order. */
  removed: Record<string, InstantMs>
  bought: Record<string, InstantMs>
}

export interface Affinity {
  /** Events that named it. */
  total: number
  lastAt: InstantMs
}

export interface EventCounts {
  total: number
  firstAt: InstantMs
  lastAt: InstantMs
  /** Sum of the events' money values in micros of the reporting currency. */
  valueMicros: number
  /** Per UTC day (days since the epoch), ascending, the newest `countDaysKeep`: [day, count, valueMicros]. */
  days: [day: number, count: number, valueMicros: number][]
}

/** A customer as the pipeline holds one during a batch. */
export interface Customer {
  workspace: string
  customerId: string
  /** 0 when there is no row yet. */
  version: number
  mergedInto: string | null
  profile: Profile
}

/** `pending`: asked for, to be confirmed by the customer (double opt-in). */
export type ConsentState = 'granted' | 'pending' | 'denied'

/** A channel as a whole (`email`), or a topic in it (`email/news`). `email/*`: what has no topic. */
export type ConsentScope = ChannelName | `${ChannelName}/${string}`

/** What a customer has said; a missing scope was never asked about. */
export type Consents = Partial<Record<ConsentScope, ConsentState>>

/** The topic of what has none: what a customer may refuse without refusing the channel. */
export const noTopic = '*'

/** `topic` left out: the channel as a whole. */
export function consentScope(channel: ChannelName, topic?: string): ConsentScope {
  return topic === undefined ? channel : `${channel}/${topic}`
}
