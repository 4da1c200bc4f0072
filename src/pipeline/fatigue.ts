import type { ChannelName, Fatigue } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import type { Candidate, DecisionCampaign } from '#contracts/decision.ts'
import type { ContactSlot } from '#contracts/guardrail.ts'

export interface FatigueSources {
  /** The workspace's; a campaign's own stands in its place. */
  fatigue: Fatigue | undefined
  contacts: readonly ContactSlot[]
  now: InstantMs
}

/**
 * The candidates with the response probability that the customer's recent contacts take away, each in its channel.
 * The same list, and the same shared objects in it, where nothing is taken away.
 */
export function tiredCandidates(
  candidates: readonly Candidate[],
  campaigns: readonly Pick<DecisionCampaign, 'spec'>[],
  { fatigue, contacts, now }: FatigueSources,
): readonly Candidate[] {
  if (contacts.length === 0) return candidates
  if (fatigue === undefined && campaigns.every(({ spec }) => spec.fatigue === undefined)) return candidates
  const inChannels = new Map<Fatigue, Map<ChannelName, number>>()
  return candidates.map((candidate) => {
    const { campaignIndex, channel } = candidate
    const own = campaigns[campaignIndex]?.spec.fatigue ?? fatigue
    if (own === undefined) return candidate
    let byChannel = inChannels.get(own)
    if (byChannel === undefined) {
      byChannel = new Map()
      inChannels.set(own, byChannel)
    }
    let taken = byChannel.get(channel)
    if (taken === undefined) {
      taken = fatigueOf(own, contacts, channel, now)
      byChannel.set(channel, taken)
    }
    return taken === 0 ? candidate : { ...candidate, fatigue: taken }
  })
}

/**
 * Response probability that contacts take away from a message in `channel`:
 *
 *     min(max, Σ perSend × 2^(−age / halfLife) × (1 in the channel, otherChannels elsewhere))
 *
 * The decaying penalty of Yancey & Settles (KDD 2020) for what was sent lately, here for all that reaches the
 * customer. Counted is what was sent or shown, and what is queued as if it came now: of two messages that are
 * decided in one minute the second is worth less. Transactional ones do not count, nor what a placement was given
 * and nobody saw. After ten half-lives, a thousandth, a contact is forgotten: so far back are contacts read.
 */
export function fatigueOf(
  fatigue: Fatigue,
  contacts: readonly ContactSlot[],
  channel: ChannelName,
  now: InstantMs,
): number {
  const halfLifeMs = fatigue.halfLifeDays * dayMs
  const reachMs = fatigueReachMs(fatigue)
  const parts: number[] = []
  for (const contact of contacts) {
    if (contact.transactional || contact.givenUntil !== undefined) continue
    const ageMs = contact.state === 'queued' ? 0 : Math.max(0, now - contact.at)
    if (ageMs > reachMs) continue
    const share = contact.channel === channel ? 1 : fatigue.otherChannels
    parts.push(fatigue.perSend * share * 2 ** (-ageMs / halfLifeMs))
  }
  // In one order: a store gives contacts in any, and a rehearsal must come to the same bits.
  parts.sort((a, b) => a - b)
  let sum = 0
  for (const part of parts) sum += part
  return Math.min(fatigue.max, sum)
}

/** How far back contacts count, at most a year; 0 where none do. */
export function fatigueReachMs(fatigue: Fatigue | undefined): number {
  return fatigue === undefined ? 0 : Math.min(halfLivesReached * fatigue.halfLifeDays, yearDays) * dayMs
}

const dayMs = 86_400_000
const halfLivesReached = 10
const yearDays = 366
