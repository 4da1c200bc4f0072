import type { InstantMs } from '#contracts/clock.ts'
import type { Profile } from '#contracts/profile.ts'

/** Event names counted one by one per customer; the rest is counted under `otherEvents`. */
export const eventNamesMax = 256
export const otherEvents = '(other)'

/** The longest window of a condition has 400 days, and an event may lie a day in the future. */
export const countDaysKeep = 401

/** Traits kept at the top level; how deep and large each may be is ingest's to limit. */
export const traitsMax = 512

/** A profile with what only this room needs to know; stored with it. */
export interface DatedProfile extends Profile {
  /** When the newest event happened that brought traits. */
  traitsAt?: InstantMs
}

/** The profile of a customer first heard of at `at`. */
export function newProfile(at: InstantMs): Profile {
  return { traits: {}, firstSeenAt: at, lastSeenAt: at, counts: {}, segments: {} }
}
