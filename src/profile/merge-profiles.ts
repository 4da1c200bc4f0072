import type { Profile } from '#contracts/profile.ts'
import { addActivities } from './activity.ts'
import { addAffinities } from './affinities.ts'
import { addCounts } from './event-counts.ts'
import { addInterest } from './product-interest.ts'
import { type DatedProfile, traitsMax } from './profile.ts'

/**
 * The profile of two customers who are one: a new object. Counts add up; of the rest, what `into` says
 * wins and `from` fills in what is missing. Memberships are those of both, each since the earlier moment:
 * whoever was in a segment does not enter it again by the merge. The caller brings segments up to date. Scores
 * are those of `into`, and reckoned anew with the next scoring.
 */
export function mergeProfiles(into: Profile, from: Profile): Profile {
  const merged: DatedProfile = structuredClone(into)
  const traitNames = new Set(Object.keys(merged.traits))
  for (const key of Object.keys(from.traits)) {
    if (traitNames.has(key) || traitNames.size >= traitsMax || key === '__proto__') continue
    traitNames.add(key)
    merged.traits[key] = structuredClone(from.traits[key]!)
  }
  const traitsAt = merged.traitsAt ?? (from as DatedProfile).traitsAt
  if (traitsAt !== undefined) merged.traitsAt = traitsAt
  for (const key of ['email', 'zone', 'locale'] as const) {
    const value = merged[key] ?? from[key]
    if (value !== undefined) merged[key] = value
  }
  merged.firstSeenAt = Math.min(merged.firstSeenAt, from.firstSeenAt)
  merged.lastSeenAt = Math.max(merged.lastSeenAt, from.lastSeenAt)
  if (from.accounts !== undefined) {
    merged.accounts = { ...structuredClone(from.accounts), ...merged.accounts }
  }
  addCounts(merged, from)
  addActivities(merged, from)
  addAffinities(merged, from)
  addInterest(merged, from)
  for (const id of Object.keys(from.segments)) {
    const since = Object.hasOwn(merged.segments, id) ? merged.segments[id]! : Number.POSITIVE_INFINITY
    merged.segments[id] = Math.min(since, from.segments[id]!)
  }
  return merged
}
