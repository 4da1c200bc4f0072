import type { ChannelName } from '#contracts/campaign.ts'
import type { DeliveryPayload } from '#contracts/delivery.ts'
import type { LogRecord } from '#contracts/event.ts'
import type { MessageState } from '#contracts/message.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { addCallbackCounts } from '../../action/callback-rows.ts'
import {
  insertMessageEvents,
  loadMessageEvents,
  type MessageEvent,
  softBouncesInARow,
} from '../../action/message-event-rows.ts'
import { lockMessageRows, type MessageRow } from '../../action/message-rows.ts'
import { normalAddress, suppress } from '../../profile/suppression-rows.ts'
import { settleUnknown } from '../resolve-message.ts'

/**
 * An address is suppressed after so many messages in a row that came back softly, over at least so long: as
 * Klaviyo and Mailchimp have it, seven; and not within one bad day of the provider's (ADR 39).
 */
export const softBouncesMax = 7
export const softBouncesSpanMs = 3 * 86_400_000

/**
 * Keeps what was told of messages, in the batch's transaction: what became of an `unknown` message is known
 * now, and an address that keeps bouncing softly is suppressed. Told twice, or in another order, it comes to
 * the same.
 */
export async function applyDeliveries(
  db: WorkspaceDb,
  records: readonly LogRecord<DeliveryPayload>[],
  now: number,
): Promise<void> {
  if (records.length === 0) return
  const messages = await lockMessageRows(
    db,
    records.map(({ payload }) => payload.messageId),
  )
  const known = records.filter(({ payload }) => messages.has(payload.messageId))
  const events = known.map((record) => eventOf(record, messages.get(record.payload.messageId)!))
  await countOutOfOrder(db, events, now)
  await insertMessageEvents(db, events)
  for (const [messageId, told] of Map.groupBy(known, ({ payload }) => payload.messageId)) {
    const message = messages.get(messageId)!
    const settled = message.state === 'unknown' ? settledBy(told) : null
    if (settled !== null) await settleUnknown(db, message, settled, now)
  }
  await suppressSoftBouncers(db, events, now)
}

function eventOf(
  { eventId, occurredAt, receivedAt, payload }: LogRecord<DeliveryPayload>,
  message: MessageRow,
): MessageEvent {
  return {
    message_id: payload.messageId,
    event_id: eventId,
    kind: payload.kind,
    campaign_id: message.campaign_id,
    channel: message.channel,
    address: normalAddress(message.channel as ChannelName, message.address),
    provider: payload.provider,
    reason: payload.reason,
    occurred_at: occurredAt,
    received_at: receivedAt,
  }
}

/** What a provider tells of a message says whether it ever had it. */
function settledBy(
  told: readonly LogRecord<DeliveryPayload>[],
): { state: Extract<MessageState, 'sent' | 'failed'>; reason: string } | null {
  const kinds = new Set(told.map(({ payload }) => payload.kind))
  const { provider = '' } = told[0]?.payload ?? {}
  if (kinds.has('failed') && kinds.size === 1) return { state: 'failed', reason: `callback: ${provider}` }
  kinds.delete('failed')
  return kinds.size > 0 ? { state: 'sent', reason: `callback: ${provider}` } : null
}

/** Callbacks that happened before one of their message that we knew already. */
async function countOutOfOrder(db: WorkspaceDb, events: readonly MessageEvent[], now: number): Promise<void> {
  const before = await loadMessageEvents(db, [...new Set(events.map((event) => event.message_id))])
  const newest = new Map([...before].map(([id, rows]) => [id, rows.at(-1)!.occurred_at]))
  const late = events.filter((event) => {
    const last = newest.get(event.message_id) ?? Number.NEGATIVE_INFINITY
    newest.set(event.message_id, Math.max(last, event.occurred_at))
    return event.occurred_at < last
  })
  await addCallbackCounts(
    db,
    late.map(({ provider }) => ({ provider, outcome: 'out-of-order', count: 1 })),
    now,
  )
}

async function suppressSoftBouncers(
  db: WorkspaceDb,
  events: readonly MessageEvent[],
  now: number,
): Promise<void> {
  const soft = events.filter(({ kind }) => kind === 'soft-bounce')
  const addresses = new Map(soft.map((event) => [`${event.channel}\u0000${event.address}`, event]))
  for (const { channel, address, reason } of addresses.values()) {
    const { messages, spanMs } = await softBouncesInARow(db, { channel, address })
    if (messages < softBouncesMax || spanMs < softBouncesSpanMs) continue
    const detail = `${messages} in a row, the last: ${reason}`.slice(0, 200)
    await suppress(db, { channel: channel as ChannelName, address, reason: 'soft-bounces', detail, now })
  }
}
