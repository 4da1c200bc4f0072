import { priorityRanks } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import type { ContactSlot, GuardrailFacts } from '#contracts/guardrail.ts'

/**
 * Which slots stand against the candidate or message of the facts.
 *
 * What was taken (`sending`, `sent`, `unknown`) stands against everybody and is never given up; so does what a
 * placement was given. A queued message holds its slot too, at decision against its own class and those below,
 * so that a higher class may take the slot; at the claim against those below alone: of two queued messages of
 * one class the one that is claimed first goes.
 */
export function isHeld(slot: ContactSlot, facts: GuardrailFacts): boolean {
  return isTaken(slot, facts) || (facts.stage === 'decision' && isQueuedAhead(slot, facts))
}

function isTaken(slot: ContactSlot, facts: GuardrailFacts): boolean {
  if (slot.transactional || isWaiting(slot) || !isOther(slot, facts)) return false
  return slot.givenUntil === undefined || slot.givenUntil > facts.now
}

/** A queued message that keeps the one at hand from the slot that it is going to take. */
export function isQueuedAhead(slot: ContactSlot, facts: GuardrailFacts): boolean {
  if (slot.transactional || !isWaiting(slot) || !isOther(slot, facts)) return false
  return facts.stage === 'decision' ? classesAbove(slot, facts) >= 0 : classesAbove(slot, facts) > 0
}

/** By how many classes the slot's message is above the one at hand; negative below. */
export function classesAbove({ campaignId }: ContactSlot, facts: GuardrailFacts): number {
  const { campaign, customer } = facts
  return (
    priorityRanks[customer.priorities?.[campaignId] ?? 'normal'] -
    priorityRanks[campaign.spec.priority ?? 'normal']
  )
}

/** When the slot was taken, or will be at the earliest: what was given may be shown from now on. */
export function slotInstant({ state, at }: ContactSlot, now: InstantMs): InstantMs {
  return state === 'queued' ? Math.max(at, now) : at
}

/**
 * When a message that queued ones of higher classes keep waiting asks again: when the first of them is due. One
 * that is due and does not go may be paused, or lapse.
 */
export function askAgainAt(ahead: readonly InstantMs[], now: InstantMs): InstantMs {
  return Math.max(Math.min(...ahead), now + retryLeastMs)
}

const retryLeastMs = 60_000

function isWaiting({ state, givenUntil }: ContactSlot): boolean {
  return state === 'queued' && givenUntil === undefined
}

/** At decision no message is at hand; a list from a cache has no ids. */
function isOther({ messageId }: ContactSlot, facts: GuardrailFacts): boolean {
  return facts.stage === 'decision' || messageId !== facts.messageId
}
