import type { LeastGap } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import { allow, type GuardrailFacts } from '#contracts/guardrail.ts'
import type { SharedGuardrail } from './run/evaluate.ts'
import { askAgainAt, isHeld, isQueuedAhead, slotInstant } from './slots/held-slots.ts'

/**
 * So much time lies between any two marketing sends to a customer: a message waits until the gap behind the
 * last one has passed. At decision queued messages count as sends at the instant at which they are due, so that
 * several line up; at the claim only what was taken counts, and messages of higher classes that are due before
 * the gap behind this one would have passed (`outranked`).
 *
 * It puts off and refuses nothing: a cap is what refuses.
 */
export const guardrail: SharedGuardrail = {
  name: 'least-gap',
  sharedBy: 'campaign-and-channel',
  check(facts) {
    const { leastGaps } = facts.settings
    if (leastGaps === undefined || facts.transactional || facts.customer.contacts.length === 0) return allow
    let untilMs = facts.now
    let longest: LeastGap | null = null
    // What one gap puts off may come too near to a send that another one keeps: asked until none objects.
    for (let i = 0; i < leastGaps.length; i++) {
      const gap = leastGaps[i] as LeastGap
      const end = gapEnd(gap, facts, untilMs)
      if (end === untilMs) continue
      untilMs = end
      longest = gap
      i = -1
    }
    if (longest !== null) return { kind: 'defer', untilMs, reason: 'least_gap', inputs: { ...longest } }
    return facts.stage === 'claim' ? yieldToHigher(leastGaps, facts) : allow
  },
}

/** The first instant from `from` on that is as far as the gap from every slot. */
function gapEnd(gap: LeastGap, facts: GuardrailFacts, from: InstantMs): InstantMs {
  if (!binds(gap, facts)) return from
  const gapMs = gapMsOf(gap)
  const held = facts.customer.contacts
    .filter((slot) => isHeld(slot, facts) && counts(gap, slot.channel))
    .map((slot) => slotInstant(slot, facts.now))
    .sort((a, b) => a - b)
  let end = from
  for (const at of held) if (at > end - gapMs && at < end + gapMs) end = at + gapMs
  return end
}

function yieldToHigher(gaps: readonly LeastGap[], facts: GuardrailFacts) {
  const { now, customer } = facts
  for (const gap of gaps) {
    if (!binds(gap, facts)) continue
    const ahead = customer.contacts
      .filter((slot) => isQueuedAhead(slot, facts) && counts(gap, slot.channel))
      .map((slot) => slotInstant(slot, now))
      .filter((at) => at < now + gapMsOf(gap))
    if (ahead.length === 0) continue
    const untilMs = askAgainAt(ahead, now)
    return { kind: 'defer' as const, untilMs, reason: 'outranked', inputs: { ...gap } }
  }
  return allow
}

function binds(gap: LeastGap, { candidate }: GuardrailFacts): boolean {
  return counts(gap, candidate.channel)
}

function counts({ channel }: LeastGap, other: LeastGap['channel']): boolean {
  return channel === undefined || channel === other
}

function gapMsOf({ minutes }: LeastGap): number {
  return Math.round(minutes * 60_000)
}
