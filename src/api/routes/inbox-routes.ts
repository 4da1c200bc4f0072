import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { countUnread, lastSequence, listInbox } from '../../action/inbox-rows.ts'
import { createLinks, type Links } from '../../action/links.ts'
import { linkSecret } from '../../pipeline/first-start.ts'
import { recordInboxAction } from '../../pipeline/record-inbox-action.ts'
import type { ApiApp, ApiRoutes } from '../api-app.ts'
import { allowPreflight, customerOf, customerSecurity, tokenOf } from '../customer-door.ts'
import type { Doors } from '../doors.ts'
import { createInboxStreams, type InboxStreamLimits } from '../inbox-streams.ts'
import { inboxItem, inboxItemSchema } from '../inbox-view.ts'
import { sendFault } from '../problem.ts'
import { cursorOf, cutPage, pageOf, pageQuery } from '../shapes.ts'

/** The in-app inbox of the token's customer. */
export function inboxRoutes(
  doors: Pick<Doors, 'store' | 'log' | 'clock' | 'wallClock' | 'wake' | 'logger' | 'settings'>,
  limits?: InboxStreamLimits,
): ApiRoutes {
  return async (app) => {
    const links = createLinks({ secret: await linkSecret(doors.store), baseUrl: doors.settings.publicUrl })
    listRoute(app, doors)
    streamRoute(app, doors, limits)
    for (const action of ['read', 'dismiss', 'click'] as const) actionRoute(app, doors, links, action)
  }
}

function listRoute(app: ApiApp, { store, clock }: Pick<Doors, 'store' | 'clock'>): void {
  allowPreflight(app, '/api/v1/inbox', 'GET')
  app.get(
    '/api/v1/inbox',
    {
      schema: {
        tags: ['customers'],
        summary: 'The customer’s in-app messages, newest first',
        description: 'Neither dismissed ones nor those whose time is over.',
        security: customerSecurity,
        querystring: z.object(pageQuery),
        response: {
          200: pageOf(inboxItemSchema).extend({
            unread: z.int().describe('Of all pages.'),
            lastEventId: z
              .string()
              .describe('Give it to the stream as Last-Event-ID: it goes on where this list ends.'),
          }),
        },
      },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query
      const from = cursorOf(cursor, reply)
      if (from === null) return reply
      const now = clock.now()
      const answer = await store.snapshot(async (scope) => {
        const db = scope.workspace(tokenOf(request).holder.workspace)
        const customerId = await customerOf(db, request)
        return {
          unread: await countUnread(db, customerId, now),
          lastEventId: String(await lastSequence(db, customerId)),
          rows: await listInbox(db, customerId, {
            now,
            limit: limit + 1,
            ...(from.at === undefined ? {} : { before: from.at }),
          }),
        }
      })
      reply.header('cache-control', 'no-store')
      const { rows, ...rest } = answer
      const page = cutPage(rows, limit, (row) => ({ at: row.created_at, id: row.message_id }), inboxItem)
      return reply.send({ ...page, ...rest })
    },
  )
}

function streamRoute(
  app: ApiApp,
  parts: Pick<Doors, 'store' | 'clock' | 'wallClock' | 'wake' | 'logger'>,
  limits?: InboxStreamLimits,
): void {
  const streams = createInboxStreams(parts, limits)
  app.addHook('preClose', async () => streams.close())
  allowPreflight(app, '/api/v1/inbox/stream', 'GET')
  app.get(
    '/api/v1/inbox/stream',
    {
      schema: {
        tags: ['customers'],
        summary: 'Changes of the inbox as they happen (server-sent events)',
        description:
          'Each event is a message as it is now: new, read, clicked or dismissed (`dismissedAt`). With `Last-Event-ID` it goes on there; without, it begins now.',
        security: customerSecurity,
        headers: z.object({ 'last-event-id': z.string().optional() }),
        response: {
          200: z.any().describe('text/event-stream: `id`, `event: message`, `data` as InboxItem.'),
        },
      },
    },
    async (request, reply) => {
      const untyped = reply as unknown as FastifyReply
      const given = request.headers['last-event-id']
      if (given !== undefined && !/^\d{1,16}$/.test(given)) {
        const detail = 'Last-Event-ID is not one of ours'
        return sendFault(reply, { code: 'invalid_request', detail, field: 'last-event-id' })
      }
      const principal = tokenOf(request)
      const db = parts.store.read.workspace(principal.holder.workspace)
      const customerId = await customerOf(db, request)
      const after = given === undefined ? await lastSequence(db, customerId) : Number(given)
      const response = untyped.raw
      const headers = streamHeaders(untyped)
      // Written with the first bytes: what refuses a stream comes before them.
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
      if (!streams.open({ principal, customerId, after, response })) {
        for (const name of Object.keys(headers)) response.removeHeader(name)
        const detail = 'close one of the streams that are open'
        return sendFault(reply, { code: 'too_many_streams', detail, retryAfterSeconds: 10 })
      }
      untyped.hijack()
      return reply
    },
  )
}

function streamHeaders(reply: FastifyReply): Record<string, string> {
  return {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    // A stream that ends is followed by nothing: kept alive, the connection would hold up a server that stops.
    connection: 'close',
    // nginx would keep the events until its buffer is full.
    'x-accel-buffering': 'no',
  }
}

const summaries = {
  read: 'Note that the customer has read a message',
  dismiss: 'Take a message out of the customer’s inbox',
  click: 'Count a click on a message, and say where it leads',
} as const

function actionRoute(
  app: ApiApp,
  parts: Pick<Doors, 'store' | 'log' | 'clock' | 'wallClock' | 'wake'>,
  links: Links,
  action: keyof typeof summaries,
): void {
  const path = `/api/v1/inbox/:id/${action}`
  allowPreflight(app, path, 'POST')
  app.post(
    path,
    {
      schema: {
        tags: ['customers'],
        summary: summaries[action],
        description: 'Told again, it changes nothing.',
        security: customerSecurity,
        params: z.object({ id: z.string().max(64) }),
        response: {
          200: inboxItemSchema.extend({
            target: z
              .string()
              .describe('Where the message’s url leads at last; empty where there is nothing.'),
          }),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const { workspace } = tokenOf(request).holder
      const customerId = await customerOf(parts.store.read.workspace(workspace), request)
      const result = await recordInboxAction(parts, {
        workspace,
        customerId,
        messageId: id,
        action,
        userAgent: request.headers['user-agent'] ?? '',
      })
      switch (result.kind) {
        case 'not-found':
          return sendFault(reply, { code: 'not_found', detail: `there is no message ${id} in this inbox` })
        case 'full':
          return sendFault(reply, { code: 'overloaded', detail: 'the log is full', retryAfterSeconds: 5 })
        case 'unavailable':
          return sendFault(reply, { code: 'unavailable', detail: 'the log cannot be written now' })
        case 'noted':
          parts.wake.notify('inbox')
          return reply.send({ ...inboxItem(result.row), target: targetOf(links, result.row.url) })
      }
    },
  )
}

/** What a link of ours leads to; any other leads where it says. */
function targetOf(links: Links, url: string): string {
  const token = /\/c\/([^/?#]+)$/.exec(url)?.[1]
  return (token === undefined ? null : links.verifyClick(token)?.url) ?? url
}
