import type { ApiFault } from '#contracts/errors.ts'
import type { ProductEventKind } from '#contracts/event.ts'
import type { IngestLimits } from './ingest-limits.ts'
import { isNestedDeeper } from './raw-events.ts'
import { repairEscapes } from './repair-escapes.ts'

/** What a path of Segment's clients takes: a batch, or one event whose type the path says. */
export type RequestShape = 'batch' | ProductEventKind

/** A body that is JSON; its events are not validated yet. */
export interface ParsedRequest {
  /** PostHog's events are those of parse-posthog.ts. */
  shape: RequestShape | 'posthog'
  events: unknown[]
  /** From the body; a key in a header wins over it. */
  writeKey: string | null
  /** Once for the whole batch, as sent; an event's own wins. */
  sentAt: unknown
  context: unknown
  /** Set for history: its events change profiles and trigger nothing. */
  imported?: true
  /** What was parsed, for the texts of refused events. */
  json: string
}

/** The parser keeps some 50 bytes per level: below this size even a body of nothing but brackets is cheap. */
const UNSCANNED_CHARS_MAX = 64 * 1024
const BODY_DEPTH_MAX = 10_000

/** The content type plays no part: browsers send `text/plain` to avoid a preflight. */
export function parseRequest(
  body: Buffer,
  shape: RequestShape,
  limits: IngestLimits,
): ParsedRequest | ApiFault {
  const read = readJson(body)
  if ('code' in read) return read
  const { value, json } = read
  return shape === 'batch' ? batchOf(value, json, limits) : singleOf(value, json, shape)
}

/** The body as JSON, and its text with what no store can keep repaired. */
export function readJson(body: Buffer): { value: unknown; json: string } | ApiFault {
  // Bytes that are no UTF-8 become U+FFFD; a byte order mark is dropped.
  const hasMark = body.length > 2 && body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf
  const json = repairEscapes(body.toString('utf8', hasMark ? 3 : 0))
  if (json.length > UNSCANNED_CHARS_MAX && isNestedDeeper(json, BODY_DEPTH_MAX)) {
    return { code: 'invalid_json', detail: `the body is nested deeper than ${BODY_DEPTH_MAX} levels` }
  }
  try {
    // JSON.parse makes `__proto__` an own key like any other: nothing is polluted by reading.
    return { value: JSON.parse(json), json }
  } catch (error) {
    return { code: 'invalid_json', detail: error instanceof Error ? error.message : 'the body is not JSON' }
  }
}

interface Body {
  batch?: unknown
  writeKey?: unknown
  api_key?: unknown
  sentAt?: unknown
  context?: unknown
}

function batchOf(parsed: unknown, json: string, limits: IngestLimits): ParsedRequest | ApiFault {
  if (!isObject(parsed)) {
    return { code: 'invalid_request', detail: 'a batch is an object with the member batch', field: 'batch' }
  }
  const { batch, sentAt, context } = parsed as Body
  if (!Array.isArray(batch)) {
    return { code: 'invalid_request', detail: 'batch must be an array of events', field: 'batch' }
  }
  if (batch.length > limits.eventsMax) return tooManyEvents(limits)
  return { shape: 'batch', events: batch, writeKey: writeKeyOf(parsed), sentAt, context, json }
}

export function tooManyEvents({ eventsMax }: IngestLimits): ApiFault {
  return { code: 'body_too_large', detail: `a batch may hold ${eventsMax} events`, field: 'batch' }
}

function singleOf(parsed: unknown, json: string, shape: RequestShape): ParsedRequest {
  const writeKey = isObject(parsed) ? writeKeyOf(parsed) : null
  return { shape, events: [parsed], writeKey, sentAt: undefined, context: undefined, json }
}

function writeKeyOf({ writeKey, api_key: apiKey }: Body): string | null {
  if (typeof writeKey === 'string' && writeKey !== '') return writeKey
  return typeof apiKey === 'string' && apiKey !== '' ? apiKey : null
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
