import { z } from 'zod'
import { loadMessageEvents } from '../../action/message-event-rows.ts'
import { listMessages, loadMessage, type MessageFilter } from '../../action/message-rows.ts'
import { findCustomer } from '../../pipeline/find-customer.ts'
import { resolveMessage } from '../../pipeline/resolve-message.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { messageSchema, messageStateSchema, messageView, storySchema, storyView } from '../message-view.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity, cursorOf, cutPage, pageOf, pageQuery } from '../shapes.ts'

const params = z.object({ id: z.string().max(64) })

export function messageRoutes({ store, clock }: Doors): ApiRoutes {
  return (app) => {
    app.get(
      '/messages',
      {
        schema: {
          tags: ['decisions'],
          summary: 'List messages, newest first',
          security: adminSecurity,
          querystring: z.object({
            ...pageQuery,
            state: messageStateSchema.optional(),
            campaign: z.string().max(64).optional(),
            customer: z.string().max(256).optional().describe('User id or customer id.'),
          }),
          response: { 200: pageOf(messageSchema) },
        },
      },
      async (request, reply) => {
        const { limit, cursor, state, campaign, customer } = request.query
        const from = cursorOf(cursor, reply)
        if (from === null) return reply
        const db = store.read.workspace(principalOf(request).workspace)
        const filter: MessageFilter = { limit: limit + 1 }
        if (state !== undefined) filter.state = state
        if (campaign !== undefined) filter.campaignId = campaign
        if (customer !== undefined) filter.customerId = await findCustomer(db, customer)
        if (from.at !== undefined) filter.before = { createdAt: from.at.at, messageId: from.at.id }
        const rows = await listMessages(db, filter)
        return reply.send(
          cutPage(rows, limit, (row) => ({ at: row.created_at, id: row.message_id }), messageView),
        )
      },
    )

    app.get(
      '/messages/:id',
      {
        schema: {
          tags: ['decisions'],
          summary: 'A message with all that happened to it',
          security: adminSecurity,
          params,
          response: { 200: storySchema },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const { story, told } = await store.snapshot(async (scope) => {
          const db = scope.workspace(principalOf(request).workspace)
          const events = await loadMessageEvents(db, [id])
          return { story: await loadMessage(db, id), told: events.get(id) ?? [] }
        })
        if (story === null)
          return sendFault(reply, { code: 'not_found', detail: `there is no message ${id}` })
        return reply.send(storyView(story, told))
      },
    )

    app.post(
      '/messages/:id/resolve',
      {
        schema: {
          tags: ['decisions'],
          summary: 'Say what became of an unknown message',
          description:
            'A crash between the call and its result leaves a message unknown. `sent`: it keeps its slot and its window opens. `failed`: it gives the slot back. It is never sent again either way.',
          security: adminSecurity,
          params,
          body: z.object({
            state: z.enum(['sent', 'failed']),
            reason: z.string().min(1).max(200).describe('How you know.'),
            actor: z.string().min(1).max(200).optional().describe('Who says so. Default: the key’s name.'),
          }),
          response: { 200: messageSchema },
        },
      },
      async (request, reply) => {
        const principal = principalOf(request)
        const { state, reason, actor = principal.name } = request.body
        const resolved = await resolveMessage(
          { store, clock },
          { workspace: principal.workspace, actor, messageId: request.params.id, state, reason },
        )
        if (resolved.kind === 'refused') return sendFault(reply, resolved.fault)
        return reply.send(messageView(resolved.message))
      },
    )
  }
}
