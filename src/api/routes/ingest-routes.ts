import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Clock } from '#contracts/clock.ts'
import { type EventErrorCode, eventErrors } from '#contracts/errors.ts'
import type { ProductEventKind } from '#contracts/event.ts'
import type { Ingest, IngestAnswer } from '../../ingest/ingest.ts'
import { parseRequest, type RequestShape } from '../../ingest/parse-request.ts'
import { unpackBody } from '../../ingest/unpack-body.ts'
import type { ApiRoutes } from '../api-app.ts'
import { type Auth, type Principal, writeKeyOfHeaders } from '../auth.ts'
import { sendFault } from '../problem.ts'

interface IngestDoor {
  ingest: Ingest
  auth: Auth
  wallClock: Clock
  notReady(): string | null
}

/** The paths of Segment's clients: batches, and one event a request under its name or first letter. */
export function ingestRoutes(door: IngestDoor): ApiRoutes {
  return async (app) => {
    app.removeAllContentTypeParsers()
    app.addContentTypeParser(
      bodyType,
      { parseAs: 'buffer', bodyLimit: door.ingest.limits.bodyBytesMax },
      (_request, body, done) => done(null, body),
    )
    app.addHook('onRequest', onIngestRequest(door))
    for (const [path, shape] of Object.entries(paths)) {
      const schema = path.length === '/v1/t'.length ? { hide: true } : documentationOf(shape)
      app.post(path, { schema }, handlerOf(door, shape))
      app.options(path, { schema: { hide: true } as object }, preflight)
    }
  }
}

/**
 * Whatever a client calls its body: browsers send text/plain to avoid a preflight, one server client a form,
 * some nothing at all.
 */
const bodyType = 'application/json'

const paths: Record<string, RequestShape> = {
  '/v1/batch': 'batch',
  '/v1/b': 'batch',
  '/v1/track': 'track',
  '/v1/t': 'track',
  '/v1/identify': 'identify',
  '/v1/i': 'identify',
  '/v1/page': 'page',
  '/v1/p': 'page',
  '/v1/screen': 'screen',
  '/v1/s': 'screen',
  '/v1/group': 'group',
  '/v1/g': 'group',
  '/v1/alias': 'alias',
  '/v1/a': 'alias',
}

/** Any web page may send events; a wrong key in a header is refused before the body is read. */
function onIngestRequest({ auth, notReady }: IngestDoor) {
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

const unknownKey = { code: 'invalid_key', detail: 'the write key is missing or unknown' } as const

function handlerOf(door: IngestDoor, shape: RequestShape) {
  const { ingest, auth, wallClock } = door
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
    const parsed = parseRequest(body, shape, limits)
    if (!('events' in parsed)) return sendFault(reply, parsed)
    const principal =
      request.getDecorator<Principal | null>('principal') ??
      (parsed.writeKey === null ? null : await auth.find(parsed.writeKey, 'write'))
    if (principal === null) return sendFault(reply, unknownKey)
    return answer(reply, await ingest.ingest(principal.workspace, parsed, receivedAt))
  }
}

/** Success is exactly 200 with a body: clients send again after 202 or 204, or fail on an empty one. */
function answer(reply: FastifyReply, result: IngestAnswer): FastifyReply {
  if (result.kind === 'fault') return sendFault(reply, result.fault)
  const rejected = result.rejected.length === 0 ? '[]' : JSON.stringify(result.rejected)
  return reply
    .header('content-type', 'application/json; charset=utf-8')
    .send(`{"success":true,"accepted":${result.accepted},"rejected":${rejected}}`)
}

function preflight(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const wanted = request.headers['access-control-request-headers']
  return reply
    .code(204)
    .header('access-control-allow-origin', '*')
    .header('access-control-allow-methods', 'POST')
    .header(
      'access-control-allow-headers',
      wanted ?? 'Authorization, Content-Type, Content-Encoding, X-Write-Key',
    )
    .header('access-control-max-age', '86400')
    .header('vary', 'Access-Control-Request-Headers')
    .send()
}

const answerSchema = z.object({
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

const summaries: Record<RequestShape, string> = {
  batch: 'Take a batch of events',
  track: 'Take one track event',
  identify: 'Take one identify event',
  page: 'Take one page view',
  screen: 'Take one screen view',
  group: 'Take one group event',
  alias: 'Take one alias',
} satisfies Record<'batch' | ProductEventKind, string>

function documentationOf(shape: RequestShape) {
  return {
    tags: ['events'],
    summary: summaries[shape],
    description:
      'The body is as the public Segment HTTP API has it, plain or compressed (gzip, deflate, br). The write key stands in Basic, in X-Write-Key, or in the body.',
    security: [{ writeKey: [] }, { writeKeyHeader: [] }],
    response: { 200: answerSchema },
  }
}
