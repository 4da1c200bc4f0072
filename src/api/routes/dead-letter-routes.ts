import { z } from 'zod'
import { type DeadLetterRow, listDeadLetters, loadDeadLetter } from '../../action/dead-letters.ts'
import { loadMessageEvents } from '../../action/message-event-rows.ts'
import { loadMessage } from '../../action/message-rows.ts'
import { changeDeadLetters } from '../../pipeline/change-dead-letters.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { storySchema, storyView } from '../message-view.ts'
import { sendFault } from '../problem.ts'
import { actorSchema, adminSecurity, cursorOf, cutPage, pageOf, pageQuery } from '../shapes.ts'

const stateSchema = z.enum(['open', 'retried', 'dropped'])
const letterSchema = z
  .object({
    messageId: z.string(),
    state: stateSchema,
    provider: z.string().describe('Who refused it last.'),
    reason: z.string().describe('See docs/errors.md.'),
    attempts: z.int(),
    failedAt: z.int(),
    actor: z.string().describe('Who retried or dropped it; empty while open.'),
    note: z.string(),
    changedAt: z.int(),
  })
  .meta({ id: 'DeadLetter' })

const provider = z.string().max(64).optional().describe('Only those that this provider refused last.')
const changeSchema = z.object({
  ids: z.array(z.string().max(64)).min(1).max(200).optional().describe('Default: the oldest open ones.'),
  provider,
  note: z.string().max(200).default('').describe('Why.'),
  actor: actorSchema,
})
const changedSchema = z.object({
  changed: z.array(z.string()).describe('Ids of messages.'),
  refused: z.array(z.object({ messageId: z.string(), code: z.string(), detail: z.string() })),
  more: z.boolean().describe('More of them are open: call again.'),
})

const steps = {
  retry: {
    summary: 'Send dead letters again',
    description:
      'Each is queued for another attempt, through the claim with all its guardrails, and may be sent for a day. Its tries count anew. At most 200 a call.',
  },
  drop: {
    summary: 'Drop dead letters',
    description: 'They stay failed in the ledger and are listed as open no more. At most 200 a call.',
  },
} as const

export function deadLetterRoutes({ store, clock, wake }: Doors): ApiRoutes {
  return (app) => {
    app.get(
      '/dead-letters',
      {
        schema: {
          tags: ['operations'],
          summary: 'List messages that failed for good, oldest first',
          security: adminSecurity,
          querystring: z.object({ ...pageQuery, state: stateSchema.default('open'), provider }),
          response: { 200: pageOf(letterSchema) },
        },
      },
      async (request, reply) => {
        const { limit, cursor, state, provider } = request.query
        const from = cursorOf(cursor, reply)
        if (from === null) return reply
        const rows = await listDeadLetters(store.read.workspace(principalOf(request).workspace), {
          state,
          limit: limit + 1,
          ...(provider === undefined ? {} : { provider }),
          ...(from.at === undefined ? {} : { after: { failedAt: from.at.at, messageId: from.at.id } }),
        })
        return reply.send(
          cutPage(rows, limit, (row) => ({ at: row.failed_at, id: row.message_id }), letterView),
        )
      },
    )

    app.get(
      '/dead-letters/:id',
      {
        schema: {
          tags: ['operations'],
          summary: 'A dead letter with its message and every attempt',
          security: adminSecurity,
          params: z.object({ id: z.string().max(64) }),
          response: { 200: letterSchema.extend({ message: storySchema }) },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const found = await store.snapshot(async (scope) => {
          const db = scope.workspace(principalOf(request).workspace)
          const told = (await loadMessageEvents(db, [id])).get(id) ?? []
          return { letter: await loadDeadLetter(db, id), story: await loadMessage(db, id), told }
        })
        if (found.letter === null || found.story === null) {
          return sendFault(reply, { code: 'not_found', detail: `there is no dead letter ${id}` })
        }
        return reply.send({ ...letterView(found.letter), message: storyView(found.story, found.told) })
      },
    )

    for (const step of ['retry', 'drop'] as const) {
      app.post(
        `/dead-letters/${step}`,
        {
          schema: {
            tags: ['operations'],
            ...steps[step],
            security: adminSecurity,
            body: changeSchema,
            response: { 200: changedSchema },
          },
        },
        async (request, reply) => {
          const { workspace, name } = principalOf(request)
          const { ids, provider, note, actor = name } = request.body
          const which = ids === undefined ? (provider === undefined ? {} : { provider }) : { ids }
          const done = await changeDeadLetters({ store, clock }, { workspace, actor, step, note, ...which })
          if (step === 'retry' && done.changed.length > 0) wake.notify('messages')
          return reply.send({
            changed: done.changed.map((message) => message.message_id),
            refused: done.refused.map(({ messageId, fault: { code, detail } }) => ({
              messageId,
              code,
              detail,
            })),
            more: done.more,
          })
        },
      )
    }
  }
}

function letterView(row: DeadLetterRow): z.output<typeof letterSchema> {
  return {
    messageId: row.message_id,
    state: row.state,
    provider: row.provider,
    reason: row.reason,
    attempts: row.attempts,
    failedAt: row.failed_at,
    actor: row.actor,
    note: row.note,
    changedAt: row.changed_at,
  }
}
