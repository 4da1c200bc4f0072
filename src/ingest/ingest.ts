import type { InstantMs } from '#contracts/clock.ts'
import type { ApiFault, EventErrorCode } from '#contracts/errors.ts'
import type { EventLog, LogAppend } from '#contracts/event-log.ts'
import { stableId } from '#platform/ids/ids.ts'
import type { EventFault } from './event-fault.ts'
import type { IdentityPort, Linked } from './identity-port.ts'
import { DEFAULT_INGEST_LIMITS, type IngestLimits } from './ingest-limits.ts'
import type { ParsedRequest } from './parse-request.ts'
import { refusedTexts } from './refused-texts.ts'
import { eventRecord, rejectedRecord } from './to-log-records.ts'
import { surroundingsOf, type ValidEvent, validateEvent } from './validate-event.ts'
import { validatePostHogEvent } from './validate-posthog-event.ts'

interface RejectedEvent {
  /** Place in the batch. */
  index: number
  code: EventErrorCode
  field: string
  detail: string
}

export type IngestAnswer =
  /** Every event, good or refused, is on disk. */
  | { kind: 'accepted'; accepted: number; rejected: RejectedEvent[] }
  /** Nothing was taken: the client sends the whole request again. */
  | { kind: 'fault'; fault: ApiFault }

export interface Ingest {
  readonly limits: IngestLimits
  ingest(workspace: string, request: ParsedRequest, receivedAt: InstantMs): Promise<IngestAnswer>
}

export function createIngest({
  log,
  identities,
  limits = DEFAULT_INGEST_LIMITS,
}: {
  log: Pick<EventLog, 'append'>
  identities: IdentityPort
  limits?: IngestLimits
}): Ingest {
  return {
    limits,
    async ingest(workspace, request, receivedAt) {
      const { valid, faults } = validateAll(request, receivedAt, limits)
      const customers = await customersOf(identities, workspace, valid, receivedAt)
      const eventIdOf = createEventIds(workspace, receivedAt)
      const records: LogAppend[] = valid.map((event, i) =>
        eventRecord(workspace, event, { ...customers[i]!, eventId: eventIdOf(event), receivedAt }),
      )
      if (faults.length > 0) {
        const raws = refusedTexts(request)
        for (const { index, fault } of faults) {
          records.push(rejectedRecord(workspace, fault, raws[index]!, receivedAt, limits.rejectedBytesMax))
        }
      }
      const result = await log.append(records)
      if (result.kind === 'appended') {
        const rejected = faults.map(({ index, fault: { code, field, detail } }) => ({
          index,
          code,
          field,
          detail,
        }))
        return { kind: 'accepted', accepted: valid.length, rejected }
      }
      return { kind: 'fault', fault: faultOf(result) }
    },
  }
}

interface IndexedFault {
  index: number
  fault: EventFault
}

function validateAll(
  request: ParsedRequest,
  receivedAt: InstantMs,
  limits: IngestLimits,
): { valid: ValidEvent[]; faults: IndexedFault[] } {
  const around = surroundingsOf(request, receivedAt, limits)
  const validate = request.shape === 'posthog' ? validatePostHogEvent : validateEvent
  const valid: ValidEvent[] = []
  const faults: IndexedFault[] = []
  for (let index = 0; index < request.events.length; index++) {
    const result = validate(request.events[index], around)
    if (result.kind === 'fault') faults.push({ index, fault: result })
    else valid.push(result)
  }
  return { valid, faults }
}

/**
 * Links of the request are committed first, in order; then everyone is looked up, so that an event which
 * stands before its own identify goes to the right customer too. A link that was made for a request which
 * the log then refuses is made again with the retry, with the same `mergeFrom`.
 */
async function customersOf(
  identities: IdentityPort,
  workspace: string,
  events: ValidEvent[],
  now: InstantMs,
): Promise<Linked[]> {
  const customers = new Array<Linked>(events.length)
  const others: ValidEvent[] = []
  const places: number[] = []
  for (let i = 0; i < events.length; i++) {
    const event = events[i]!
    const linked = linkOf(identities, workspace, event, now)
    if (linked !== null) {
      customers[i] = await linked
    } else {
      others.push(event)
      places.push(i)
    }
  }
  if (others.length === 0) return customers
  const ids = others.map(({ userId, anonymousId }) => ({
    ...(userId === undefined ? {} : { userId }),
    ...(anonymousId === undefined ? {} : { anonymousId }),
  }))
  const resolved = await identities.resolveMany(workspace, ids)
  for (let i = 0; i < places.length; i++) customers[places[i]!] = { customerId: resolved[i]!, mergeFrom: [] }
  return customers
}

/** Only identify and alias link; that two ids stand together on a track says nothing. */
function linkOf(
  identities: IdentityPort,
  workspace: string,
  { kind, userId, anonymousId, previousId, isEitherKind }: ValidEvent,
  now: InstantMs,
): Promise<Linked> | null {
  if (userId === undefined) return null
  // The browser client names a known user twice; that joins nothing.
  if (kind === 'alias' && previousId !== undefined && previousId !== userId)
    return identities.alias(workspace, { userId, previousId }, now)
  if (kind === 'identify' && anonymousId !== undefined) {
    const ids = { userId, anonymousId }
    return isEitherKind ? identities.linkEither(workspace, ids, now) : identities.link(workspace, ids, now)
  }
  return null
}

/**
 * The client's messageId, else a hash. With a time of its own an event sent again gives the same hash and
 * is taken once (equal events of one request stay apart by their number); without a time nothing tells a
 * retry from a second such event, so the time of receipt goes in and retries of it count twice.
 */
function createEventIds(workspace: string, receivedAt: InstantMs): (event: ValidEvent) => string {
  const seen = new Map<string, number>()
  return (event) => {
    if (event.messageId !== '') return event.messageId
    const hash = stableId(workspace, event.kind, event.payloadJson, event.ownTime || String(receivedAt))
    const number = seen.get(hash) ?? 0
    seen.set(hash, number + 1)
    return number === 0 ? hash : stableId(hash, String(number))
  }
}

function faultOf(
  result: { kind: 'full'; retryAfterSeconds: number } | { kind: 'unavailable'; reason: string },
): ApiFault {
  if (result.kind === 'unavailable') return { code: 'unavailable', detail: result.reason }
  const retryAfterSeconds = Math.max(1, Math.ceil(result.retryAfterSeconds))
  return { code: 'overloaded', detail: 'the event log cannot take more now', retryAfterSeconds }
}
