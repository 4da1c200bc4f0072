import type { ApiFault } from '#contracts/errors.ts'
import type { IngestLimits } from './ingest-limits.ts'
import { type ParsedRequest, readJson, tooManyEvents } from './parse-request.ts'
import { unpackBody } from './unpack-body.ts'
import { isObject } from './validate-event.ts'

/**
 * A body as PostHog's clients send one: `{api_key, batch: […], sent_at}`, one event with its key, or an
 * array of events, each with the key among its properties. Browsers pack it in ways no header tells: gzip
 * under `?compression=gzip-js`, or base64 in the form field `data`.
 */
export async function parsePostHog(body: Buffer, limits: IngestLimits): Promise<ParsedRequest | ApiFault> {
  const plain = await unwrap(body, limits)
  if (!Buffer.isBuffer(plain)) return plain
  const read = readJson(plain)
  if ('code' in read) return read
  const { value, json } = read
  if (Array.isArray(value)) return requestOf({}, value, json, limits)
  if (!isObject(value)) {
    return { code: 'invalid_request', detail: 'the body is an event, a batch or an array of events' }
  }
  if (Array.isArray(value.batch)) return requestOf(value, value.batch, json, limits)
  if ('batch' in value) {
    return { code: 'invalid_request', detail: 'batch must be an array of events', field: 'batch' }
  }
  return requestOf(value, [value], json, limits)
}

/** True for an event as PostHog's clients write it; Segment's have neither of these. */
export function isPostHogEvent(event: unknown): boolean {
  if (!isObject(event)) return false
  return 'distinct_id' in event || 'uuid' in event || 'distinct_id' in propertiesOf(event)
}

function requestOf(
  envelope: Record<string, unknown>,
  events: unknown[],
  json: string,
  limits: IngestLimits,
): ParsedRequest | ApiFault {
  if (events.length > limits.eventsMax) return tooManyEvents(limits)
  const first = events[0]
  return {
    shape: 'posthog',
    events,
    writeKey: keyOf(envelope) ?? (isObject(first) ? (keyOf(first) ?? keyOf(propertiesOf(first))) : null),
    sentAt: envelope.sent_at,
    context: undefined,
    ...(envelope.historical_migration === true ? { imported: true } : {}),
    json,
  }
}

function keyOf({ api_key: apiKey, token }: Record<string, unknown>): string | null {
  if (typeof apiKey === 'string' && apiKey !== '') return apiKey
  return typeof token === 'string' && token !== '' ? token : null
}

function propertiesOf({ properties }: Record<string, unknown>): Record<string, unknown> {
  return isObject(properties) ? properties : {}
}

async function unwrap(body: Buffer, limits: IngestLimits): Promise<Buffer | ApiFault> {
  // The magic number of gzip; no JSON begins so.
  if (body[0] === 0x1f && body[1] === 0x8b) return unpackBody(body, 'gzip', limits.unpackedBytesMax)
  if (body.toString('latin1', 0, 5) !== 'data=') return body
  const data = new URLSearchParams(body.toString('latin1')).get('data') ?? ''
  if (/^\s*[[{]/.test(data)) return Buffer.from(data)
  // A form makes spaces of base64's plus signs.
  return Buffer.from(data.replaceAll(' ', '+'), 'base64')
}
