import type { InstantMs } from '#contracts/clock.ts'
import { eventErrors } from '#contracts/errors.ts'
import type { ProductEventKind } from '#contracts/event.ts'
import type { JsonObject } from '#contracts/json.ts'
import { checkSize, tooLarge } from './check-size.ts'
import { type EventFault, eventFault } from './event-fault.ts'
import type { IngestLimits } from './ingest-limits.ts'
import { occurredAtOf } from './occurred-at.ts'
import type { ParsedRequest, RequestShape } from './parse-request.ts'

/** An event that may enter the log, once its customer is known. */
export interface ValidEvent {
  kind: ProductEventKind
  /** The client's messageId; empty where it gave none. */
  messageId: string
  userId: string | undefined
  anonymousId: string | undefined
  previousId: string | undefined
  /** Set where nobody can tell whether the anonymous id is a visitor's or a user's: PostHog has one kind. */
  isEitherKind?: true
  occurredAt: InstantMs
  /** The time that the client gave the event, as text; empty where it gave none. */
  ownTime: string
  /** The record's payload as compact JSON; `mergeFrom` is added when the customer is known. */
  payloadJson: string
}

/** What the events of one request have in common. */
export interface EventSurroundings {
  shape: RequestShape
  receivedAt: InstantMs
  sentAt: unknown
  context: JsonObject | undefined
  /** Set where the common context breaks a limit: every event of the request has that fault. */
  contextFault: EventFault | null
  imported: true | undefined
  limits: IngestLimits
}

export function surroundingsOf(
  request: Pick<ParsedRequest, 'shape' | 'sentAt' | 'context' | 'imported'>,
  receivedAt: InstantMs,
  limits: IngestLimits,
): EventSurroundings {
  const { sentAt, context, imported } = request
  // PostHog's events have been given a type each when they are looked at.
  const shape = request.shape === 'posthog' ? 'batch' : request.shape
  const common = { shape, receivedAt, sentAt, context: undefined, contextFault: null, imported, limits }
  if (context === undefined || context === null) return common
  if (!isObject(context)) return { ...common, contextFault: wrongType('context', 'an object') }
  const fault = checkSize({ context }, limits)
  return fault === null ? { ...common, context: context as JsonObject } : { ...common, contextFault: fault }
}

/**
 * One event against the rules. By hand, because it runs for every event of the busiest door: with zod
 * the door takes 0.6 of the requests, this costs nothing that can be measured.
 */
export function validateEvent(raw: unknown, around: EventSurroundings): ValidEvent | EventFault {
  if (!isObject(raw)) return eventFault('not_an_object', '', eventErrors.not_an_object)
  const { limits } = around
  const sizeFault = checkSize(raw, limits) ?? around.contextFault
  if (sizeFault !== null) return sizeFault
  const kind = kindOf(raw.type, around.shape)
  if (kind === null) return eventFault('unknown_type', 'type', eventErrors.unknown_type)

  const messageId = idOf(raw.messageId, 'messageId', limits)
  if (typeof messageId === 'object') return messageId
  const userId = idOf(raw.userId, 'userId', limits)
  if (typeof userId === 'object') return userId
  const anonymousId = idOf(raw.anonymousId, 'anonymousId', limits)
  if (typeof anonymousId === 'object') return anonymousId
  const previousId = kind === 'alias' ? idOf(raw.previousId, 'previousId', limits) : undefined
  if (typeof previousId === 'object') return previousId
  const groupId = kind === 'group' ? idOf(raw.groupId, 'groupId', limits) : undefined
  if (typeof groupId === 'object') return groupId
  const missing = missingId(kind, { userId, anonymousId, previousId, groupId })
  if (missing !== null) return eventFault('missing_field', missing, `${kind} needs ${missing}`)

  const name = nameOf(raw, kind, limits)
  if (typeof name === 'object') return name
  const properties = objectOf(raw.properties)
  if (properties === null) return wrongType('properties', 'an object')
  const traits = objectOf(raw.traits)
  if (traits === null) return wrongType('traits', 'an object')
  const context = objectOf(raw.context)
  if (context === null) return wrongType('context', 'an object')

  const occurredAt = occurredAtOf(
    {
      timestamp: raw.timestamp,
      originalTimestamp: raw.originalTimestamp,
      sentAt: around.sentAt ?? raw.sentAt,
    },
    around.receivedAt,
    limits.futureMsMax,
  )
  if (typeof occurredAt === 'object') return occurredAt

  const contentJson = JSON.stringify({
    name,
    properties: withCategory(properties, raw, kind),
    traits,
    context: around.context === undefined ? context : { ...around.context, ...context },
    userId,
    anonymousId,
    previousId,
    groupId,
  })
  const payloadJson = around.imported ? `${contentJson.slice(0, -1)},"imported":true}` : contentJson
  // A UTF-16 code unit has at most three bytes in UTF-8: most events need no count.
  if (
    payloadJson.length * 3 > limits.eventBytesMax &&
    Buffer.byteLength(payloadJson) > limits.eventBytesMax
  ) {
    return tooLarge(limits)
  }
  const ownTime = String(raw.timestamp ?? raw.originalTimestamp ?? '')
  return {
    kind,
    messageId: messageId ?? '',
    userId,
    anonymousId,
    previousId,
    occurredAt,
    ownTime,
    payloadJson,
  }
}

const kinds: ReadonlySet<unknown> = new Set<ProductEventKind>([
  'track',
  'identify',
  'page',
  'screen',
  'group',
  'alias',
])

/** The path says it for a single event, whatever stands in the body. */
function kindOf(type: unknown, shape: RequestShape): ProductEventKind | null {
  if (shape !== 'batch') return shape
  return kinds.has(type) ? (type as ProductEventKind) : null
}

/** Null and the empty string are no id: clients send both for "nobody yet". */
function idOf(value: unknown, field: string, limits: IngestLimits): string | undefined | EventFault {
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value === 'string') {
    if (value.length <= limits.idCharsMax) return value
    return eventFault('too_long', field, `longer than ${limits.idCharsMax}`)
  }
  if (typeof value === 'number') return String(value)
  return wrongType(field, 'a string or a number')
}

interface Ids {
  userId: string | undefined
  anonymousId: string | undefined
  previousId: string | undefined
  groupId: string | undefined
}

function missingId(kind: ProductEventKind, ids: Ids): string | null {
  if (kind === 'alias') {
    if (ids.userId === undefined) return 'userId'
    return ids.previousId === undefined ? 'previousId' : null
  }
  if (ids.userId === undefined && ids.anonymousId === undefined) return 'userId'
  return kind === 'group' && ids.groupId === undefined ? 'groupId' : null
}

function nameOf(
  raw: Record<string, unknown>,
  kind: ProductEventKind,
  limits: IngestLimits,
): string | undefined | EventFault {
  if (kind !== 'track' && kind !== 'page' && kind !== 'screen') return undefined
  const field = kind === 'track' ? 'event' : 'name'
  const name = raw[field]
  if (name === undefined || name === null || name === '') {
    return kind === 'track' ? eventFault('missing_field', 'event', 'track needs event') : undefined
  }
  if (typeof name !== 'string') return wrongType(field, 'a string')
  return name.length <= limits.nameCharsMax
    ? name
    : eventFault('too_long', field, `longer than ${limits.nameCharsMax}`)
}

/** A page's or screen's `category` stands beside `properties`; the record has no place of its own for it. */
function withCategory(
  properties: JsonObject | undefined,
  { category }: Record<string, unknown>,
  kind: ProductEventKind,
): JsonObject | undefined {
  if ((kind !== 'page' && kind !== 'screen') || typeof category !== 'string') return properties
  return { category, ...properties }
}

/** Null: there is something, and it is no object. */
function objectOf(value: unknown): JsonObject | undefined | null {
  if (value === undefined || value === null) return undefined
  return isObject(value) ? (value as JsonObject) : null
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function wrongType(field: string, wanted: string): EventFault {
  return eventFault('wrong_type', field, `must be ${wanted}`)
}
