import type { InstantMs } from '#contracts/clock.ts'
import type { Profile } from '#contracts/profile.ts'

/** Event names counted one by one per customer; the rest is counted under `otherEvents`. */
export const eventNamesMax = 256
export const otherEvents = '(other)'

/** The longest window of a condition has 400 days, and an event may lie a day in the future. */
export const countDaysKeep = 401

/** Traits kept at the top level; how deep and large each may be is ingest's to limit. */
export const traitsMax = 512

/** Products' properties that are remembered per customer, by how often they were named. */
export const affinityProperties: readonly string[] = ['category', 'brand', 'offer']
export const affinitiesMax = 48
/** Longer values are texts, not names. */
export const affinityCharsMax = 64

/** A profile with what only this room needs to know; stored with it. */
export interface DatedProfile extends Profile {
  /** When the newest event happened that brought traits. */
  traitsAt?: InstantMs
  /** Events taken in since they are numbered, merges included: the next one's number is one higher. */
  applied?: number
  /** Of a profile that was merged away: number of the merge among what the other one took in, and when. */
  mergedAs?: { order: number; at: InstantMs }
}

/** The profile of a customer first heard of at `at`. */
export function newProfile(at: InstantMs): Profile {
  return { traits: {}, firstSeenAt: at, lastSeenAt: at, counts: {}, segments: {} }
}

/** The number of the next event that a profile takes in. */
export function nextAppliedOrder(profile: Profile): number {
  const dated = profile as DatedProfile
  dated.applied = (dated.applied ?? 0) + 1
  return dated.applied
}
