import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { type PushEndpoint, parsePushAddress } from '#contracts/push-address.ts'
import { isPushService, channel as webPush } from '../../action/channels/web-push.ts'
import {
  type EndpointRow,
  listEndpoints,
  registerEndpoint,
  removeEndpoint,
} from '../../profile/endpoint-rows.ts'
import type { ApiApp, ApiRoutes } from '../api-app.ts'
import { allowPreflight, customerOf, customerSecurity, tokenOf } from '../customer-door.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'

const deviceToken = z.string().regex(/^\S{1,1024}$/, 'one word of at most 1024 characters')

/** RFC 8291: an uncompressed P-256 point is 65 bytes, the secret is 16. */
const subscriptionSchema = z.object({
  endpoint: z
    .url({ protocol: /^https?$/ })
    .max(2000)
    .refine((url) => !url.includes('#'), 'without a fragment'),
  keys: z.object({
    p256dh: z.string().regex(/^B[\w-]{86}=?$/, 'base64url of an uncompressed P-256 point'),
    auth: z.string().regex(/^[\w-]{22}(==)?$/, 'base64url of 16 bytes'),
  }),
})

const registrationSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('fcm'), token: deviceToken }),
  z.object({ kind: z.literal('apns'), token: z.string().regex(/^([0-9a-fA-F]{2}){32,100}$/, 'hexadecimal') }),
  z.object({ kind: z.literal('web-push'), subscription: subscriptionSchema }),
])

const endpointSchema = z
  .object({
    id: z.string(),
    kind: z.enum(['fcm', 'apns', 'web-push']),
    service: z.string().describe('Host of the push service; of a device token its kind.'),
    createdAt: z.int(),
    seenAt: z.int().describe('The newest is where pushes go.'),
  })
  .meta({ id: 'Endpoint' })

/** Devices and browsers of the token's customer. */
export function endpointRoutes({
  store,
  clock,
  config: { providers },
}: Pick<Doors, 'store' | 'clock' | 'config'>): ApiRoutes {
  const own = (providers ?? []).filter(({ kind }) => kind === webPush.kind).map(({ settings }) => settings)
  return (app: ApiApp) => {
    allowPreflight(app, '/api/v1/endpoints', 'GET, POST')
    allowPreflight(app, '/api/v1/endpoints/:id', 'DELETE')

    app.post(
      '/api/v1/endpoints',
      {
        schema: {
          tags: ['customers'],
          summary: 'Register a device token or a browser’s push subscription',
          description:
            'Do it at every start of the app: the newest is where pushes go. One that another customer had is theirs no longer.',
          security: customerSecurity,
          body: registrationSchema,
          response: { 200: endpointSchema },
        },
      },
      async (request, reply) => {
        const endpoint = endpointOf(request.body)
        if (
          endpoint.kind === 'web-push' &&
          own.length > 0 &&
          !own.some((settings) => isPushService(settings, endpoint.endpoint))
        ) {
          const detail = `${new URL(endpoint.endpoint).host} is no push service that we post to`
          return sendFault(reply, { code: 'invalid_request', detail, field: 'subscription.endpoint' })
        }
        const { workspace } = tokenOf(request).holder
        const row = await store.transaction(async (tx) => {
          const db = tx.workspace(workspace)
          return registerEndpoint(db, await customerOf(db, request), endpoint, clock.now())
        })
        return reply.send(endpointView(row))
      },
    )

    app.get(
      '/api/v1/endpoints',
      {
        schema: {
          tags: ['customers'],
          summary: 'List the customer’s devices and browsers, newest first',
          security: customerSecurity,
          response: { 200: z.object({ items: z.array(endpointSchema) }) },
        },
      },
      async (request, reply) => {
        const db = store.read.workspace(tokenOf(request).holder.workspace)
        const rows = await listEndpoints(db, await customerOf(db, request))
        return reply.send({ items: rows.map(endpointView) })
      },
    )

    app.delete(
      '/api/v1/endpoints/:id',
      {
        schema: {
          tags: ['customers'],
          summary: 'Remove a device or a browser: when the customer signs out there',
          security: customerSecurity,
          params: z.object({ id: z.string().max(64) }),
          response: { 204: z.null() },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const { workspace } = tokenOf(request).holder
        const removed = await store.transaction(async (tx) => {
          const db = tx.workspace(workspace)
          return removeEndpoint(db, await customerOf(db, request), id)
        })
        if (!removed) return sendFault(reply, { code: 'not_found', detail: `there is no endpoint ${id}` })
        ;(reply as unknown as FastifyReply).code(204).send()
        return reply
      },
    )
  }
}

function endpointOf(body: z.output<typeof registrationSchema>): PushEndpoint {
  if (body.kind === 'fcm') return { kind: 'fcm', token: body.token }
  // Apple's service does not tell the cases of hexadecimal digits apart.
  if (body.kind === 'apns') return { kind: 'apns', token: body.token.toLowerCase() }
  const { endpoint, keys } = body.subscription
  const plain = (key: string): string => key.replace(/=+$/, '')
  return {
    kind: 'web-push',
    endpoint: new URL(endpoint).href,
    p256dh: plain(keys.p256dh),
    auth: plain(keys.auth),
  }
}

function endpointView(row: EndpointRow): z.output<typeof endpointSchema> {
  const parsed = parsePushAddress(row.address)
  return {
    id: row.endpoint_id,
    kind: row.kind,
    service: parsed?.kind === 'web-push' ? new URL(parsed.endpoint).host : row.kind,
    createdAt: row.created_at,
    seenAt: row.seen_at,
  }
}
