import { outOfOrder } from './check-order.ts'
import type { OptOutRecord } from './client.ts'
import type { ReceivedMail } from './mail-server.ts'
import type { Row, StoreRows } from './store-rows.ts'
import { addressOf, isTrigger, type PlannedEvent, userIdOf } from './traffic-plan.ts'

export interface Counts {
  /** Acknowledged and without a recorded end: events, triggers without decision, messages without end. */
  lost: number
  duplicated: number
  over_cap: number
  after_optout: number
  /** Decisions made before an earlier event of their customer was applied, or after a later one. */
  out_of_order: number
  unknown: number
  cap_refusals: number
  optouts: number
  /** Mails to customers who are held out. */
  to_held_out: number
  /** Mails that the ledger does not know as sent, or as unknown. */
  unrecorded: number
}

export interface Counted {
  counts: Counts
  /** What is wrong, one line each, for a person. */
  findings: string[]
}

interface Evidence {
  acknowledged: PlannedEvent[]
  optOuts: OptOutRecord[]
  mails: ReceivedMail[]
  capMax: number
}

/**
 * Counts from outside: what clients were told, what the mail server got, and the store's plain rows, none of
 * it through the engine's code (but for the decoder of decision records, which the order is read from).
 */
export function countOutside(rows: StoreRows, evidence: Evidence): Counted {
  const findings: string[] = []
  const find = (kind: string, items: Iterable<string>): number => {
    let count = 0
    for (const item of items) {
      count += 1
      if (count <= 20) findings.push(`${kind}: ${item}`)
    }
    return count
  }
  const { messages, decisions } = rows
  const unique = new Map(evidence.acknowledged.map((event) => [event.messageId, event]))
  const lost =
    find('event lost', lostEvents(rows, unique)) +
    find('trigger without decision', undecided(decisions, unique)) +
    find('message without end', unended(messages)) +
    find('decision without message', unqueued(rows)) +
    find('sent, and nobody got it', sentToNobody(messages, evidence.mails)) +
    find('count too low', profileDifferences(rows, unique, 'low'))
  const duplicated =
    find('mail twice', twice(evidence.mails.map((mail) => mail.messageId))) +
    find('event row twice', twice(rows.events.map((row) => String(row.event_id)))) +
    find('decided twice', twice(decisions.map((row) => String(row.trigger_id)))) +
    find('count too high', profileDifferences(rows, unique, 'high'))
  return {
    counts: {
      lost,
      duplicated,
      over_cap: find('over the cap', overCap(messages, evidence)),
      after_optout: find('after the opt-out', afterOptOut(evidence)),
      out_of_order: find('out of order', outOfOrder(rows, unique)),
      unknown: messages.filter((row) => row.state === 'unknown').length,
      cap_refusals: capRefusals(rows),
      optouts: new Set(evidence.optOuts.map(({ userId }) => userId)).size,
      to_held_out: find('to somebody held out', toHeldOut(rows, evidence.mails)),
      unrecorded: find('mail not in the ledger', unrecorded(messages, evidence.mails)),
    },
    findings,
  }
}

function* lostEvents({ events }: StoreRows, unique: Map<string, PlannedEvent>): Iterable<string> {
  const stored = new Set(events.map((row) => row.event_id))
  for (const eventId of unique.keys()) if (!stored.has(eventId)) yield eventId
}

function* undecided(decisions: Row[], unique: Map<string, PlannedEvent>): Iterable<string> {
  const decided = new Set(decisions.map((row) => row.trigger_id))
  for (const event of unique.values())
    if (isTrigger(event) && !decided.has(event.messageId)) yield event.messageId
}

function* unended(messages: Row[]): Iterable<string> {
  const ends = new Set(['sent', 'failed', 'unknown', 'lapsed'])
  for (const row of messages)
    if (!ends.has(String(row.state))) yield `${row.message_id} is ${row.state} (${row.reason})`
}

function* unqueued({ messages, decisions }: StoreRows): Iterable<string> {
  const queued = new Set(messages.map((row) => row.decision_id))
  for (const row of decisions) {
    if (row.outcome === 'treatment' && !queued.has(row.decision_id)) yield String(row.decision_id)
  }
}

function* sentToNobody(messages: Row[], mails: ReceivedMail[]): Iterable<string> {
  const got = new Set(mails.map((mail) => mail.messageId))
  for (const row of messages)
    if (row.state === 'sent' && !got.has(String(row.message_id))) yield String(row.message_id)
}

function* unrecorded(messages: Row[], mails: ReceivedMail[]): Iterable<string> {
  const states = new Map(messages.map((row) => [String(row.message_id), String(row.state)]))
  for (const { messageId, to } of mails) {
    const state = states.get(messageId)
    if (state !== 'sent' && state !== 'unknown') yield `${messageId} to ${to} is ${state ?? 'unheard of'}`
  }
}

/** What the profile counts against what was acknowledged, by address and name of event. */
function* profileDifferences(
  { customers }: StoreRows,
  unique: Map<string, PlannedEvent>,
  side: 'low' | 'high',
): Iterable<string> {
  const expected = new Map<string, number>()
  for (const event of unique.values()) {
    if (event.type !== 'track') continue
    const key = `${addressOf(userIdOf(event))} ${event.event}`
    expected.set(key, (expected.get(key) ?? 0) + 1)
  }
  const counted = new Map<string, number>()
  for (const row of customers) {
    const profile = JSON.parse(String(row.profile_json)) as {
      email?: string
      counts: Record<string, { total: number }>
    }
    if (profile.email === undefined) continue
    for (const [name, { total }] of Object.entries(profile.counts))
      counted.set(`${profile.email} ${name}`, total)
  }
  for (const key of new Set([...expected.keys(), ...counted.keys()])) {
    const difference = (counted.get(key) ?? 0) - (expected.get(key) ?? 0)
    if (side === 'low' ? difference < 0 : difference > 0) {
      yield `${key}: ${counted.get(key) ?? 0} instead of ${expected.get(key) ?? 0}`
    }
  }
}

/** The whole run is shorter than the cap's window, so that every mail of a recipient lies in one window. */
function* overCap(messages: Row[], { mails, capMax }: Evidence): Iterable<string> {
  for (const [to, own] of Map.groupBy(mails, (mail) => mail.to)) {
    if (own.length > capMax) yield `${to} got ${own.length}`
  }
  const taken = messages.filter((row) => ['sending', 'sent', 'unknown'].includes(String(row.state)))
  for (const [customer, own] of Map.groupBy(taken, (row) => String(row.customer_id))) {
    if (own.length > capMax) yield `${customer} has ${own.length} slots`
  }
}

/** Mails whose text arrived after the opt-out's answer, but for those that the answer had named. */
function* afterOptOut({ optOuts, mails }: Evidence): Iterable<string> {
  const byAddress = Map.groupBy(mails, (mail) => mail.to)
  for (const { userId, acknowledgedAt, alreadySending } of optOuts) {
    for (const { messageId, at } of byAddress.get(addressOf(userId)) ?? []) {
      if (at > acknowledgedAt && !alreadySending.includes(messageId)) {
        yield `${messageId} to ${userId}, ${at - acknowledgedAt} ms after`
      }
    }
  }
}

function* toHeldOut({ heldOutMessages }: StoreRows, mails: ReceivedMail[]): Iterable<string> {
  const held = new Set(heldOutMessages.map((row) => row.message_id))
  for (const { messageId, to } of mails) if (held.has(messageId)) yield `${messageId} to ${to}`
}

function capRefusals({ decisions, capRefusals }: StoreRows): number {
  const atDecision = decisions.filter(
    (row) => row.outcome === 'none-eligible' && String(row.excluded_json).includes('frequency-cap'),
  )
  return atDecision.length + capRefusals.length
}

function* twice(ids: string[]): Iterable<string> {
  const seen = new Set<string>()
  for (const id of ids) {
    if (seen.has(id)) yield id
    seen.add(id)
  }
}
