import type { InstantMs } from '#contracts/clock.ts'
import type { RejectedPayload } from '#contracts/event.ts'
import type { LogAppend } from '#contracts/event-log.ts'
import { stableId } from '#platform/ids/ids.ts'
import type { EventFault } from './event-fault.ts'
import type { ValidEvent } from './validate-event.ts'

/** An event's record; the payload's JSON goes in as it is, nothing is written twice. */
export function eventRecord(
  workspace: string,
  event: ValidEvent,
  record: { eventId: string; customerId: string; mergeFrom: string[]; receivedAt: InstantMs },
): LogAppend {
  const { kind, occurredAt, payloadJson } = event
  const { eventId, customerId, mergeFrom, receivedAt } = record
  const payload =
    mergeFrom.length === 0
      ? payloadJson
      : `${payloadJson.slice(0, -1)},"mergeFrom":${JSON.stringify(mergeFrom)}}`
  return {
    key: `${workspace}\u0000${customerId}`,
    body: `{"v":1,"workspace":${quoted(workspace)},"eventId":${quoted(eventId)},"customerId":${quoted(customerId)},"kind":"${kind}","occurredAt":${occurredAt},"receivedAt":${receivedAt},"payload":${payload}}`,
  }
}

/**
 * A refused event's record, so that it is kept as durably as a good one. Its id is a hash of what it
 * says: a client that sends it again adds nothing. It belongs to no customer.
 */
export function rejectedRecord(
  workspace: string,
  fault: EventFault,
  raw: string,
  receivedAt: InstantMs,
  bytesMax: number,
): LogAppend {
  const { code, field, detail } = fault
  const body = cut(raw, bytesMax)
  const payload: RejectedPayload = { code, field, detail, body }
  const eventId = stableId(workspace, 'rejected', code, field, body)
  return {
    key: `${workspace}\u0000`,
    body: `{"v":1,"workspace":${quoted(workspace)},"eventId":"${eventId}","customerId":"","kind":"rejected","occurredAt":${receivedAt},"receivedAt":${receivedAt},"payload":${JSON.stringify(payload)}}`,
  }
}

/** Most ids need no escapes; a look costs a third of JSON.stringify. */
function quoted(text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text)
}
const plain = /^[\w.:@/+-]*$/

/** At most `bytesMax` of UTF-8, never half a character. */
function cut(text: string, bytesMax: number): string {
  if (text.length * 3 <= bytesMax || Buffer.byteLength(text) <= bytesMax) return text
  return Buffer.from(text)
    .subarray(0, bytesMax)
    .toString()
    .replace(/\ufffd+$/, '')
}
