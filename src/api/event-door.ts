import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Clock } from '#contracts/clock.ts'
import type { ApiFault } from '#contracts/errors.ts'
import { type EventErrorCode, eventErrors } from '#contracts/errors.ts'
import type { Ingest, IngestAnswer } from '../ingest/ingest.ts'
import type { IngestLimits } from '../ingest/ingest-limits.ts'
import type { ParsedRequest } from '../ingest/parse-request.ts'
import { unpackBody } from '../ingest/unpack-body.ts'
import type { ApiApp } from './api-app.ts'
import { type Auth, type Principal, writeKeyOfHeaders } from './auth.ts'
import { sendFault } from './problem.ts'

/** What the paths of event clients are made of. */
export interface EventDoor {
  ingest: Ingest
  auth: Auth
  wallClock: Clock
  notReady(): string | null
  /** Where clients reach this server. */
  publicUrl: string
}

/**
 * Whatever a client calls its body: browsers send text/plain to avoid a preflight, one server client a form,
 * some nothing at all.
 */
const bodyType = 'application/json'

/** Makes the paths of a scope an event door: any body, from any web page, with the checks of its headers. */
export function openEventDoor(app: ApiApp, door: EventDoor): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    bodyType,
    { parseAs: 'buffer', bodyLimit: door.ingest.limits.bodyBytesMax },
    (_request, body, done) => done(null, body),
  )
  app.addHook('onRequest', onEventRequest(door))
}

/** Any web page may send events; a wrong key in a header is refused before the body is read. */
function onEventRequest({ auth, notReady }: EventDoor) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    if (request.headers.origin !== undefined) {
      reply.header('access-control-allow-origin', '*').header('access-control-expose-headers', 'Retry-After')
    }
    if (request.method === 'OPTIONS') return undefined
    request.raw.headers['content-type'] = bodyType
    const reason = notReady()
    if (reason !== null) return sendFault(reply, { code: 'unavailable', detail: reason })
    const key = writeKeyOfHeaders(request.headers)
    if (key === null) return undefined
    const principal = await auth.find(key, 'write')
    if (principal === null) return sendFault(reply, unknownKey)
    request.setDecorator('principal', principal)
    return undefined
  }
}

export const unknownKey = { code: 'invalid_key', detail: 'the write key is missing or unknown' } as const

/** How the bodies of some paths are read and answered. */
export interface EventForm {
  read(body: Buffer, limits: IngestLimits): ParsedRequest | ApiFault | Promise<ParsedRequest | ApiFault>
  /** The body of a success. */
  answer(result: AcceptedEvents): string
}
export type AcceptedEvents = Extract<IngestAnswer, { kind: 'accepted' }>

export function eventHandler(door: EventDoor, { read, answer }: EventForm) {
  const { ingest, wallClock } = door
  const { limits } = ingest
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const receivedAt = wallClock.now()
    let body = (request.body as Buffer | undefined) ?? Buffer.alloc(0)
    const encoding = request.headers['content-encoding']
    if (encoding !== undefined) {
      const unpacked = await unpackBody(body, encoding, limits.unpackedBytesMax)
      if (!Buffer.isBuffer(unpacked)) return sendFault(reply, unpacked)
      body = unpacked
    }
    const reading = read(body, limits)
    const parsed = reading instanceof Promise ? await reading : reading
    if (!('events' in parsed)) return sendFault(reply, parsed)
    const principal = await principalOfEvents(door, request, parsed.writeKey)
    if (principal === null) return sendFault(reply, unknownKey)
    const result = await ingest.ingest(principal.workspace, parsed, receivedAt)
    if (result.kind === 'fault') return sendFault(reply, result.fault)
    // Success is exactly 200 with a body: clients send again after 202 or 204, or fail on an empty one.
    return reply.header('content-type', 'application/json; charset=utf-8').send(answer(result))
  }
}

/** The header's key wins over the body's; a beacon can set no header and has it in its address. */
async function principalOfEvents(
  { auth }: EventDoor,
  request: FastifyRequest,
  bodyKey: string | null,
): Promise<Principal | null> {
  const known = request.getDecorator<Principal | null>('principal')
  if (known !== null) return known
  const key = bodyKey ?? (request.query as { writeKey?: unknown }).writeKey
  return typeof key === 'string' && key !== '' ? auth.find(key, 'write') : null
}

export function preflight(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const wanted = request.headers['access-control-request-headers']
  return reply
    .code(204)
    .header('access-control-allow-origin', '*')
    .header('access-control-allow-methods', 'GET, POST')
    .header(
      'access-control-allow-headers',
      wanted ?? 'Authorization, Content-Type, Content-Encoding, X-Write-Key',
    )
    .header('access-control-max-age', '86400')
    .header('vary', 'Access-Control-Request-Headers')
    .send()
}

/** What was refused, as JSON for an answer. */
export function rejectedJson({ rejected }: AcceptedEvents): string {
  return rejected.length === 0 ? '[]' : JSON.stringify(rejected)
}

export const acceptedSchema = z.object({
  success: z.literal(true),
  accepted: z.int().describe('Events that were taken and are on disk.'),
  rejected: z
    .array(
      z.object({
        index: z.int().describe('Place in the batch.'),
        code: z.enum(Object.keys(eventErrors) as [EventErrorCode, ...EventErrorCode[]]),
        field: z.string(),
        detail: z.string(),
      }),
    )
    .describe('Events that were refused; they are kept and can be replayed.'),
})

export const writeKeySecurity = [{ writeKey: [] }, { writeKeyHeader: [] }]
