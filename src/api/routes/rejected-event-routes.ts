import { z } from 'zod'
import type { ApiFault } from '#contracts/errors.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import { sendFault } from '../problem.ts'

/** An event that ingest refused, as an operator sees it. Instants are milliseconds UTC. */
const rejectedEventSchema = z
  .object({
    id: z.string(),
    receivedAt: z.int(),
    code: z.string().describe('Why it was refused; see docs/errors.md.'),
    field: z.string().describe('The field at fault; empty for the event as a whole.'),
    detail: z.string(),
    body: z.string().describe('The event as it was sent, cut at 64 kB.'),
    replayedAt: z.int().nullable(),
  })
  .meta({ id: 'RejectedEvent' })

export type RejectedEventView = z.output<typeof rejectedEventSchema>

export interface RejectedEventsPort {
  /** Newest first, at most `limit`, older than `before`. */
  list(
    workspace: string,
    page: { limit: number; before?: { receivedAt: number; rejectedId: string } },
  ): Promise<RejectedEventView[]>
  /** Takes the event once more, as it was sent or as corrected. */
  replay(
    workspace: string,
    rejectedId: string,
    corrected: unknown,
  ): Promise<{ kind: 'replayed' } | { kind: 'refused'; fault: ApiFault }>
}

export function rejectedEventRoutes(rejectedEvents: RejectedEventsPort): ApiRoutes {
  return (app) => {
    app.get(
      '/rejected-events',
      {
        schema: {
          tags: ['operations'],
          summary: 'List events that were refused, newest first',
          security: [{ adminKey: [] }],
          querystring: z.object({
            limit: z.coerce.number().int().min(1).max(200).default(50),
            cursor: z.string().max(500).optional().describe('`nextCursor` of the page before.'),
          }),
          response: {
            200: z.object({
              items: z.array(rejectedEventSchema),
              nextCursor: z.string().nullable().describe('Null on the last page.'),
            }),
          },
        },
      },
      async (request, reply) => {
        const { limit, cursor } = request.query
        const before = cursor === undefined ? undefined : decodeCursor(cursor)
        if (before === null) {
          return sendFault(reply, {
            code: 'invalid_request',
            detail: 'not a cursor of ours',
            field: 'cursor',
          })
        }
        const { workspace } = principalOf(request)
        // One more than asked for tells whether there is another page.
        const rows = await rejectedEvents.list(workspace, {
          limit: limit + 1,
          ...(before === undefined ? {} : { before: { receivedAt: before.at, rejectedId: before.id } }),
        })
        const items = rows.slice(0, limit)
        const last = items.at(-1)
        const hasMore = rows.length > limit && last !== undefined
        return reply.send({
          items,
          nextCursor: hasMore ? encodeCursor({ at: last.receivedAt, id: last.id }) : null,
        })
      },
    )

    app.post(
      '/rejected-events/:id/replay',
      {
        schema: {
          tags: ['operations'],
          summary: 'Take a refused event once more',
          description:
            'As it was sent, or as corrected by `event`. It counts as received when it first came. A rule that still refuses it is named.',
          security: [{ adminKey: [] }],
          params: z.object({ id: z.string().max(64) }),
          body: z.object({ event: z.record(z.string(), z.unknown()).optional() }).nullish(),
          response: { 200: z.object({ success: z.literal(true) }) },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const result = await rejectedEvents.replay(workspace, request.params.id, request.body?.event)
        if (result.kind === 'refused') return sendFault(reply, result.fault)
        return reply.send({ success: true })
      },
    )
  }
}
