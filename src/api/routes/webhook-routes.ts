import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { type DeliveryRow, listDeliveries } from '../../action/webhooks/delivery-rows.ts'
import { messageEventTypes } from '../../action/webhooks/message-event.ts'
import { findWebhook, listWebhooks, webhooksMax } from '../../action/webhooks/webhook-rows.ts'
import {
  createWebhook,
  deleteWebhook,
  patchWebhook,
  replayDeliveries,
  rotateWebhookSecret,
  webhookUrlFault,
} from '../../pipeline/change-webhooks.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity, cursorOf, cutPage, pageOf, pageQuery } from '../shapes.ts'

const eventsSchema = z.array(z.enum(messageEventTypes)).min(1)
const webhookSchema = z
  .object({
    webhookId: z.string(),
    url: z.string(),
    events: eventsSchema,
    state: z.enum(['active', 'disabled']),
    reason: z.string().describe('Why it is disabled.'),
    failingSince: z.int().nullable().describe('Since when nothing has got through; null: it does.'),
    createdAt: z.int(),
  })
  .meta({ id: 'Webhook' })
const secretSchema = z.string().describe('Signs what is sent. Shown this once.')
const deliverySchema = z
  .object({
    deliveryId: z.string().describe('The header `webhook-id`: the same for every attempt.'),
    type: z.string(),
    messageId: z.string(),
    state: z.enum(['waiting', 'delivered', 'failed']),
    attempts: z.int(),
    status: z.int().describe('HTTP status of the last attempt; 0: none came.'),
    reason: z.string(),
    nextAttemptAt: z.int().nullable(),
    createdAt: z.int(),
    endedAt: z.int().nullable(),
    body: z.string().describe('As it is sent.'),
  })
  .meta({ id: 'WebhookDelivery' })
const params = z.object({ webhookId: z.string().max(64) })
const deliveryParams = params.extend({ deliveryId: z.string().max(64) })
const tags = ['webhooks']
const security = adminSecurity

export function webhookRoutes(doors: Doors): ApiRoutes {
  const { store, clock, wallClock, settings } = doors
  const urlFault = (url: string | undefined) =>
    url === undefined ? null : webhookUrlFault(url, { privateHosts: settings.webhookPrivateHosts })
  return (app) => {
    app.get(
      '/webhooks',
      {
        schema: {
          tags,
          summary: 'List the systems that are told what becomes of messages',
          security,
          response: { 200: z.object({ items: z.array(webhookSchema) }) },
        },
      },
      async (request, reply) =>
        reply.send({ items: await listWebhooks(store.read.workspace(principalOf(request).workspace)) }),
    )

    app.post(
      '/webhooks',
      {
        schema: {
          tags,
          summary: 'Tell another system what becomes of messages',
          description:
            'Each event is a POST signed by Standard Webhooks, sent until it is answered with 2xx, for 27 hours.',
          security,
          body: z.object({ url: z.string().max(2048), events: eventsSchema.default([...messageEventTypes]) }),
          response: { 201: z.object({ webhook: webhookSchema, secret: secretSchema }) },
        },
      },
      async (request, reply) => {
        const { workspace, name: actor } = principalOf(request)
        const { url, events } = request.body
        const fault = urlFault(url)
        if (fault !== null) return sendFault(reply, { code: 'invalid_request', detail: fault, field: 'url' })
        const added = await createWebhook({ store, clock }, { workspace, actor, url, events })
        if (added !== null) return reply.code(201).send(added)
        return sendFault(reply, { code: 'conflict', detail: `there are ${webhooksMax} already` })
      },
    )

    app.patch(
      '/webhooks/:webhookId',
      {
        schema: {
          tags,
          summary: 'Change a webhook, disable it, or let it begin anew',
          security,
          params,
          body: z.object({
            url: z.string().max(2048).optional(),
            events: eventsSchema.optional(),
            state: z.enum(['active', 'disabled']).optional(),
          }),
          response: { 200: webhookSchema },
        },
      },
      async (request, reply) => {
        const { workspace, name: actor } = principalOf(request)
        const { url, events, state } = request.body
        const fault = urlFault(url)
        if (fault !== null) return sendFault(reply, { code: 'invalid_request', detail: fault, field: 'url' })
        const patch = { ...(url && { url }), ...(events && { events }), ...(state && { state }) }
        const { webhookId } = request.params
        const changed = await patchWebhook({ store, clock }, { workspace, actor, webhookId, patch })
        return changed === null ? unknown(reply, webhookId) : reply.send(changed)
      },
    )

    app.delete(
      '/webhooks/:webhookId',
      {
        schema: {
          tags,
          summary: 'Tell it nothing more',
          description: 'What it has not been told yet is forgotten.',
          security,
          params,
          response: { 200: z.object({ removed: z.literal(true) }) },
        },
      },
      async (request, reply) => {
        const { workspace, name: actor } = principalOf(request)
        const { webhookId } = request.params
        const removed = await deleteWebhook({ store, clock }, { workspace, actor, webhookId })
        return removed ? reply.send({ removed: true as const }) : unknown(reply, webhookId)
      },
    )

    app.post(
      '/webhooks/:webhookId/rotate',
      {
        schema: {
          tags,
          summary: 'Give a webhook another secret',
          description: 'The old one signs beside it for a day, so that nothing is refused meanwhile.',
          security,
          params,
          response: { 200: z.object({ secret: secretSchema, oldUntil: z.int() }) },
        },
      },
      async (request, reply) => {
        const { workspace, name: actor } = principalOf(request)
        const { webhookId } = request.params
        const change = { workspace, actor, webhookId, wallNow: wallClock.now() }
        const rotated = await rotateWebhookSecret({ store, clock }, change)
        return rotated === null ? unknown(reply, webhookId) : reply.send(rotated)
      },
    )

    app.get(
      '/webhooks/:webhookId/deliveries',
      {
        schema: {
          tags,
          summary: 'List what a webhook was told or is to be told, newest first',
          security,
          params,
          querystring: z.object({
            ...pageQuery,
            state: z.enum(['waiting', 'delivered', 'failed']).optional(),
          }),
          response: { 200: pageOf(deliverySchema) },
        },
      },
      async (request, reply) => {
        const { limit, cursor, state } = request.query
        const after = cursorOf(cursor, reply)
        if (after === null) return reply
        const db = store.read.workspace(principalOf(request).workspace)
        const { webhookId } = request.params
        if ((await findWebhook(db, webhookId)) === null) return unknown(reply, webhookId)
        const rows = await listDeliveries(db, webhookId, {
          limit: limit + 1,
          ...(state && { state }),
          ...(after.at && { before: after.at }),
        })
        return reply.send(
          cutPage(rows, limit, ({ created_at: at, delivery_id: id }) => ({ at, id }), deliveryView),
        )
      },
    )

    app.post(
      '/webhooks/:webhookId/deliveries/:deliveryId/replay',
      {
        schema: {
          tags,
          summary: 'Send one again, whatever became of it',
          security,
          params: deliveryParams,
          response: { 200: z.object({ replayed: z.int() }) },
        },
      },
      async (request, reply) => {
        const { workspace, name: actor } = principalOf(request)
        const replayed = await replayDeliveries({ store, clock }, { workspace, actor, ...request.params })
        if (replayed > 0) return reply.send({ replayed })
        const detail = `${request.params.webhookId} has no delivery ${request.params.deliveryId}`
        return sendFault(reply, { code: 'not_found', detail })
      },
    )

    app.post(
      '/webhooks/:webhookId/replay',
      {
        schema: {
          tags,
          summary: 'Send again all that failed',
          security,
          params,
          response: { 200: z.object({ replayed: z.int() }) },
        },
      },
      async (request, reply) => {
        const { workspace, name: actor } = principalOf(request)
        const { webhookId } = request.params
        const replayed = await replayDeliveries({ store, clock }, { workspace, actor, webhookId })
        return reply.send({ replayed })
      },
    )
  }
}

function unknown(reply: FastifyReply, webhookId: string) {
  return sendFault(reply, { code: 'not_found', detail: `there is no webhook ${webhookId}` })
}

function deliveryView(row: DeliveryRow): z.output<typeof deliverySchema> {
  return {
    deliveryId: row.delivery_id,
    type: row.type,
    messageId: row.message_id,
    state: row.state,
    attempts: row.attempts,
    status: row.status,
    reason: row.reason,
    nextAttemptAt: row.state === 'waiting' ? Math.max(row.due_at, row.created_at) : null,
    createdAt: row.created_at,
    endedAt: row.ended_at,
    body: row.body,
  }
}
