import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { CallbackRequest, CallbackTools } from '../../action/callback-file.ts'
import type { CallbackOutcome } from '../../action/callback-rows.ts'
import { type CallbackProvider, loadCallbacks } from '../../action/load-callbacks.ts'
import { providersOf } from '../../config.ts'
import { receiveFacts } from '../../pipeline/callbacks/receive-facts.ts'
import type { ApiRoutes } from '../api-app.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'

/** Vendors send some hundred kB of events at once at most. */
const callbackBytesMax = 4 * 1_048_576
const fetchMaxMs = 5000
const comeAgainSeconds = 30

/** Where providers tell what became of messages: no key, each request is signed by its vendor's recipe. */
export function callbackRoutes(doors: Doors): ApiRoutes {
  const { config, settings, wallClock, logger, callbackCounter: counter } = doors
  return async (app) => {
    const loaded = await loadCallbacks(providersOf(config))
    if (loaded.kind === 'faults') throw new Error(`the settings do not fit:\n${loaded.faults.join('\n')}`)
    // What cannot be told to be of a workspace stands with the installation's own.
    const count = (provider: string, outcome: CallbackOutcome) =>
      counter.count(config.workspace, [{ provider, outcome, count: 1 }])
    // Signatures are over the bytes as they came.
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: callbackBytesMax }, (_r, body, done) =>
      done(null, body),
    )
    app.post(
      '/callbacks/:provider/:vendor',
      {
        schema: {
          tags: ['callbacks'],
          summary: 'A provider tells what became of messages',
          description:
            'Signed as the vendor signs. A bounce, a complaint or an opt-out is in force before it is answered.',
          params: z.object({ provider: z.string().max(63), vendor: z.string().max(63) }),
        },
      },
      async (request, reply) => {
        const { provider: id, vendor } = request.params
        const provider = loaded.providers.get(id)
        if (provider === undefined || provider.file.vendor !== vendor)
          return sendFault(reply, { code: 'not_found', detail: `no provider ${id} calls back as ${vendor}` })
        const own = requestOf(request, settings.publicUrl)
        const tools: CallbackTools = { now: wallClock.now(), fetch: fetchWithin }
        const verdict = await provider.file.verify(own, provider.settings, tools)
        if (verdict.kind === 'unavailable') return comeAgain(reply, verdict.detail)
        if (verdict.kind !== 'verified') {
          count(id, verdict.kind)
          logger.warn('a callback was refused', { provider: id, reason: verdict.detail })
          return sendFault(reply, { code: 'invalid_signature', detail: verdict.detail })
        }
        const facts = provider.file.parse(own, provider.settings)
        if (facts === null) {
          count(id, 'unreadable')
          return sendFault(reply, { code: 'invalid_request', detail: `not of the form that ${vendor} has` })
        }
        if ((await provider.file.confirm?.(own, tools)) === false)
          return comeAgain(reply, 'the subscription could not be confirmed')
        const received = await receiveFacts(doors, { provider: id, channel: provider.file.channel }, facts)
        if (received.kind === 'full') {
          const { retryAfterSeconds } = received
          return sendFault(reply, { code: 'overloaded', detail: 'the log is full', retryAfterSeconds })
        }
        if (received.kind === 'unavailable') return comeAgain(reply, received.reason)
        for (const [workspace, counts] of received.counts) counter.count(workspace, counts)
        if (received.unknown > 0)
          counter.count(config.workspace, [
            { provider: id, outcome: 'unknown-message', count: received.unknown },
          ])
        return answer(reply, provider, own, facts.length)
      },
    )
  }
}

function requestOf(request: FastifyRequest, publicUrl: string): CallbackRequest {
  const headers: Record<string, string | undefined> = {}
  for (const [name, value] of Object.entries(request.headers))
    headers[name] = Array.isArray(value) ? value.join(', ') : value
  return {
    body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
    headers,
    url: `${publicUrl.replace(/\/+$/, '')}${request.url}`,
  }
}

/** Of addresses that a vendor's file has found to be the vendor's. Nothing else is followed from there. */
async function fetchWithin(url: string): Promise<Response> {
  return fetch(url, { redirect: 'error', signal: AbortSignal.timeout(fetchMaxMs) })
}

function comeAgain<Reply extends object>(reply: Reply, detail: string): Reply {
  return sendFault(reply, { code: 'unavailable', detail, retryAfterSeconds: comeAgainSeconds })
}

function answer<Reply extends object>(
  typedReply: Reply,
  { file, settings }: CallbackProvider,
  request: CallbackRequest,
  received: number,
): Reply {
  const reply = typedReply as unknown as FastifyReply
  const own = file.answer?.(request, settings)
  if (own !== undefined) reply.header('content-type', own.contentType).send(own.body)
  else reply.send({ received })
  return typedReply
}
