import type { ChannelName } from '#contracts/campaign.ts'
import type { FeatureInput } from '#contracts/feature-schema.ts'
import type { ContactSlot } from '#contracts/guardrail.ts'
import type { ReportingCurrency } from '#platform/money/reporting-currency.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { loadMessageHistories, type MessageHistory } from '../action/message-history.ts'
import { loadRecords } from '../decision/decision-rows.ts'
import { decodeDecision } from '../decision/record.ts'
import { loadMergedInto } from '../profile/customer-rows.ts'
import { loadAppliedEvents } from '../profile/event-rows.ts'
import { type AppliedEvent, type Known, type MergedCustomer, profileAsOf } from '../profile/profile-as-of.ts'
import { customerZone } from '../profile/zone-of-place.ts'
import { contactsKeptMs } from './customer-facts.ts'

/** Everything that a customer's features are made of, with when it came to be known. */
export interface CustomerHistory {
  customerId: string
  events: AppliedEvent[]
  merged: MergedCustomer[]
  messages: (MessageHistory & { owner: string })[]
}

/** Of customers who are not merged away; one without an event is there all the same. */
export async function loadCustomerHistories(
  db: WorkspaceDb,
  customerIds: readonly string[],
): Promise<CustomerHistory[]> {
  const events = Map.groupBy(await loadAppliedEvents(db, customerIds), ({ event }) => event.customerId)
  const messages = Map.groupBy(await loadMessageHistories(db, customerIds), (own) => own.customerId)
  const histories: CustomerHistory[] = []
  for (const customerId of customerIds) {
    const own = events.get(customerId) ?? []
    const merged = await loadMergedInto(db, customerId, new Set(own.map(({ appliedTo }) => appliedTo)))
    const sent = messages.get(customerId) ?? []
    const owners = merged.length === 0 ? new Map<string, string>() : await ownersOf(db, sent)
    histories.push({
      customerId,
      events: own,
      merged,
      messages: sent.map((one) => ({ ...one, owner: owners.get(one.messageId) ?? customerId })),
    })
  }
  return histories
}

/** Whom each message was decided for: a merge has moved it since, the decision's record has not changed. */
async function ownersOf(db: WorkspaceDb, messages: MessageHistory[]): Promise<Map<string, string>> {
  if (messages.length === 0) return new Map()
  const days = messages.map(({ decisionDayUtc }) => decisionDayUtc)
  const ids = [...new Set(messages.map(({ decisionId }) => decisionId))]
  const records = await loadRecords(db, ids, { from: Math.min(...days), to: Math.max(...days) })
  const owners = new Map<string, string>()
  for (const { messageId, decisionId } of messages) {
    const record = records.get(decisionId)
    if (record !== undefined) owners.set(messageId, decodeDecision(record).customerId)
  }
  return owners
}

/**
 * What a feature vector of this customer was, or would have been, made of at an instant: the same as the worker
 * saw then. Null where the customer was not known yet. `zone`: the workspace's, for who has none.
 *
 * A contact that was made in the very millisecond counts as later.
 */
export function featureInputAsOf(
  history: CustomerHistory,
  known: Known,
  { traits, currency, zone }: { traits: readonly string[]; currency: ReportingCurrency; zone: string },
): FeatureInput | null {
  const now = instantOf(history, known)
  if (now === null) return null
  const { profile, owners } = profileAsOf(history, known, currency)
  if (profile === null) return null
  const contacts = history.messages.flatMap((message) =>
    owners.has(message.owner) ? contactAt(message, now) : [],
  )
  return { profile, traits, contacts, now, zone: customerZone(profile, zone) }
}

function instantOf({ events }: CustomerHistory, known: Known): number | null {
  if (known.kind !== 'event') return known.at
  return events.find(({ event }) => event.eventId === known.eventId)?.appliedAt ?? null
}

const slotStates: ReadonlySet<string> = new Set(['sending', 'sent', 'unknown'])

function contactAt(message: MessageHistory, now: number): ContactSlot[] {
  let state: RowOf<'message_transitions'>['state'] = ''
  let at = 0
  for (const transition of message.transitions) {
    if (transition.at >= now) break
    state = transition.state
    if (state === 'sending') at = transition.at
  }
  if (!slotStates.has(state) || at < now - contactsKeptMs) return []
  const { messageId, channel, campaignId, transactional } = message
  return [
    {
      messageId,
      channel: channel as ChannelName,
      campaignId,
      state: state as ContactSlot['state'],
      at,
      transactional,
    },
  ]
}
