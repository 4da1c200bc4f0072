import type { FrequencyCap } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import { allow, type ContactSlot, type GuardrailFacts } from '#contracts/guardrail.ts'
import { instantOfLocal, localMoment } from '#platform/clock/local-time.ts'
import type { SharedGuardrail } from './run/evaluate.ts'
import { askAgainAt, classesAbove, isHeld, isQueuedAhead, slotInstant } from './slots/held-slots.ts'

/**
 * At most `sendsMax` marketing sends to a customer in any window, or to all of an account together: the workspace's caps count the sends of
 * all campaigns, a campaign's own caps only its own, a cap of a channel only that channel's.
 *
 * A slot of a window of hours is free again when the window's length has passed since it was taken; one of
 * calendar days when the customer's local day and the `localDays − 1` before it are later than it. At
 * decision queued messages hold slots too, and one more is refused; at the claim only slots taken count, and
 * the message waits for the moment at which every cap has one free. Where messages of a higher class have the
 * last slot, or are queued for it, the reason is `outranked`.
 */
export const guardrail: SharedGuardrail = {
  name: 'frequency-cap',
  sharedBy: 'campaign-and-channel',
  check(facts) {
    const { contacts, accounts } = facts.customer
    if (facts.transactional || (contacts.length === 0 && accounts === undefined)) return allow
    const overrun = latest(
      longestOverrun(facts, facts.settings.frequencyCaps, ''),
      longestOverrun(facts, facts.campaign.spec.frequencyCaps, facts.campaign.campaignId),
    )
    if (overrun === null) return allow
    const inputs = describe(overrun)
    return facts.stage === 'claim'
      ? { kind: 'defer', untilMs: overrun.freeAtMs, reason: overrun.reason, inputs }
      : { kind: 'suppress', reason: overrun.reason, inputs }
  },
}

interface Overrun {
  cap: FrequencyCap
  /** `workspace[0]`, `campaign[2]`. */
  name: string
  /** Whose cap it is, '' of the customer's own. */
  accountId: string
  used: number
  freeAtMs: InstantMs
  reason: 'frequency_cap' | 'outranked'
}

/** The cap without a free slot that keeps the customer longest. `campaignId`: only its sends count, '' all. */
function longestOverrun(
  facts: GuardrailFacts,
  caps: readonly FrequencyCap[],
  campaignId: string,
): Overrun | null {
  let found: Overrun | null = null
  for (let i = 0; i < caps.length; i++) {
    const cap = caps[i] as FrequencyCap
    if (cap.channel !== undefined && cap.channel !== facts.candidate.channel) continue
    if (cap.per === 'account') {
      for (const { accountId, contacts } of facts.customer.accounts ?? [])
        found = latest(found, overrunOf({ cap, index: i, contacts, accountId }, facts, campaignId))
    } else if (facts.customer.contacts.length >= cap.sendsMax) {
      const { contacts } = facts.customer
      found = latest(found, overrunOf({ cap, index: i, contacts, accountId: '' }, facts, campaignId))
    }
  }
  return found
}

/** A cap with the slots that it counts. */
interface Counted {
  cap: FrequencyCap
  /** Its place in its list. */
  index: number
  contacts: readonly ContactSlot[]
  accountId: string
}

function overrunOf(counted: Counted, facts: GuardrailFacts, campaignId: string): Overrun | null {
  const { cap, index, contacts, accountId } = counted
  const since = capWindowStart(cap, facts.now, facts.customer.zone)
  const { sendsMax } = cap
  let used = 0
  let higher = 0
  for (const slot of contacts) {
    // Most contacts are older than the window, and that is seen at once.
    if (!isCounted(slot, cap, facts, campaignId, since) || !isHeld(slot, facts)) continue
    used++
    if (facts.stage === 'claim' && classesAbove(slot, facts) > 0) higher++
  }
  if (used >= sendsMax) {
    const reason = used - higher < sendsMax ? 'outranked' : 'frequency_cap'
    return {
      cap,
      name: nameOf(index, campaignId),
      accountId,
      used,
      freeAtMs: freeAt(counted, facts, campaignId, since),
      reason,
    }
  }
  if (facts.stage === 'decision') return null
  const ahead = queuedAhead(counted, facts, campaignId, since)
  if (used + ahead.length < sendsMax) return null
  const freeAtMs = askAgainAt(ahead, facts.now)
  return {
    cap,
    name: nameOf(index, campaignId),
    accountId,
    used: used + ahead.length,
    freeAtMs,
    reason: 'outranked',
  }
}

function nameOf(index: number, campaignId: string): string {
  return campaignId === '' ? `workspace[${index}]` : `campaign[${index}]`
}

/** When messages of higher classes are due whose window a send now would be in. */
function queuedAhead(
  { cap, contacts }: Counted,
  facts: GuardrailFacts,
  campaignId: string,
  since: InstantMs,
): InstantMs[] {
  const { now, customer } = facts
  return contacts
    .filter((slot) => isQueuedAhead(slot, facts) && isCounted(slot, cap, facts, campaignId, since))
    .map((slot) => slotInstant(slot, now))
    .filter((at) => capWindowStart(cap, at, customer.zone) <= now)
}

function isCounted(
  slot: ContactSlot,
  cap: FrequencyCap,
  facts: GuardrailFacts,
  campaignId: string,
  since: InstantMs,
): boolean {
  return (
    slotInstant(slot, facts.now) >= since &&
    (campaignId === '' || slot.campaignId === campaignId) &&
    (cap.channel === undefined || slot.channel === cap.channel)
  )
}

/** Slots taken at this instant or later are in the window. */
export function capWindowStart({ window }: FrequencyCap, now: InstantMs, zone: string): InstantMs {
  if ('hours' in window) return now - windowMsOf(window.hours) + 1
  if (lastDays.window === window && lastDays.now === now && lastDays.zone === zone) return lastDays.since
  const { dayNumber } = localMoment(now, zone)
  const since = startOfDay(dayNumber - window.localDays + 1, zone)
  lastDays = { window, now, zone, since }
  return since
}

/** The calendar's last answer: a decision asks once for each channel. */
let lastDays: { window: FrequencyCap['window'] | null; now: InstantMs; zone: string; since: InstantMs } = {
  window: null,
  now: 0,
  zone: '',
  since: 0,
}

/** When so many slots have left the window that one more send fits. */
function freeAt(
  { cap, contacts }: Counted,
  facts: GuardrailFacts,
  campaignId: string,
  since: InstantMs,
): InstantMs {
  const leaving = contacts
    .filter((slot) => isHeld(slot, facts) && isCounted(slot, cap, facts, campaignId, since))
    .map((slot) => slot.givenUntil ?? leavesAt(cap, slotInstant(slot, facts.now), facts))
  leaving.sort((a, b) => a - b)
  return leaving[leaving.length - cap.sendsMax] as InstantMs
}

/** When a slot taken at `at` is out of the window. */
function leavesAt(
  { window }: FrequencyCap,
  at: InstantMs,
  { now, customer: { zone } }: GuardrailFacts,
): InstantMs {
  if ('hours' in window) return at + windowMsOf(window.hours)
  let day = localMoment(at, zone).dayNumber + 1
  // A clock put back over midnight shows the day before once more: that slot counts as the new day's.
  if (startOfDay(day, zone) <= at) day++
  return instantOfLocal({ dayNumber: day + window.localDays - 1, minuteOfDay: 0 }, zone, now)
}

function startOfDay(dayNumber: number, zone: string): InstantMs {
  return instantOfLocal({ dayNumber, minuteOfDay: 0 }, zone)
}

function windowMsOf(hours: number): number {
  return Math.round(hours * 3_600_000)
}

function latest(a: Overrun | null, b: Overrun | null): Overrun | null {
  if (a === null || b === null) return a ?? b
  return b.freeAtMs > a.freeAtMs ? b : a
}

function describe({ cap, name, accountId, used, freeAtMs }: Overrun) {
  const { window, sendsMax } = cap
  return {
    cap: name,
    used,
    sendsMax,
    freeAtMs,
    ...window,
    ...(cap.channel === undefined ? {} : { channel: cap.channel }),
    ...(accountId === '' ? {} : { account: accountId }),
  }
}
