import { Readable } from 'node:stream'
import { stringify } from 'csv-stringify/sync'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { suppressAddresses, unsuppressAddress } from '../../pipeline/change-contact.ts'
import { eachSuppressionPage, listSuppressions, type Suppression } from '../../profile/suppression-rows.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity, alreadySendingSchema, channelSchema, pageOf, pageQuery } from '../shapes.ts'

const factSchema = z.object({
  channel: channelSchema,
  address: z.string().trim().min(1).max(254),
  reason: z.string().min(1).max(100).default('manual'),
  detail: z.string().max(1000).default(''),
})
const suppressionSchema = factSchema.extend({ createdAt: z.int() }).meta({ id: 'Suppression' })

export function suppressionRoutes({ store, clock }: Doors): ApiRoutes {
  return (app) => {
    app.get(
      '/suppressions',
      {
        schema: {
          tags: ['customers'],
          summary: 'List addresses not to be written to, by channel and address',
          security: adminSecurity,
          querystring: z.object(pageQuery),
          response: { 200: pageOf(suppressionSchema) },
        },
      },
      async (request, reply) => {
        const { limit, cursor } = request.query
        const after = cursor === undefined ? undefined : afterOf(cursor)
        if (after === null) {
          const detail = 'not a cursor of ours'
          return sendFault(reply, { code: 'invalid_request', detail, field: 'cursor' })
        }
        const db = store.read.workspace(principalOf(request).workspace)
        const rows = await listSuppressions(db, {
          limit: limit + 1,
          ...(after === undefined ? {} : { after }),
        })
        const items = rows.slice(0, limit)
        const last = items.at(-1)
        const nextCursor = rows.length > limit && last !== undefined ? cursorAfter(last) : null
        return reply.send({ items, nextCursor })
      },
    )

    app.post(
      '/suppressions',
      {
        schema: {
          tags: ['customers'],
          summary: 'Write to an address no more',
          description:
            'In force before it is answered. The answer lists the messages whose send had begun before.',
          security: adminSecurity,
          body: factSchema,
          response: { 200: z.object({ alreadySending: alreadySendingSchema }) },
        },
      },
      async (request, reply) => {
        const { workspace, name } = principalOf(request)
        const change = { workspace, actor: name, facts: [request.body] }
        return reply.send(await suppressAddresses({ store, clock }, change))
      },
    )

    app.get(
      '/exports/suppressions',
      {
        schema: {
          tags: ['customers'],
          summary: 'Export all addresses not to be written to',
          description:
            'CSV by channel and address: `channel,address,reason,detail,createdAt`, as the import takes it.',
          security: adminSecurity,
          produces: ['text/csv'],
        },
      },
      async (request, reply) => {
        const db = store.read.workspace(principalOf(request).workspace)
        await (reply as unknown as FastifyReply)
          .header('content-type', 'text/csv; charset=utf-8')
          .header('content-disposition', 'attachment; filename="suppressions.csv"')
          .send(Readable.from(csvPages(db)))
        return reply
      },
    )

    app.delete(
      '/suppressions/:channel/:address',
      {
        schema: {
          tags: ['customers'],
          summary: 'Allow an address again',
          security: adminSecurity,
          params: z.object({ channel: channelSchema, address: z.string().min(1).max(254) }),
          response: { 200: z.object({ removed: z.literal(true) }) },
        },
      },
      async (request, reply) => {
        const { workspace, name } = principalOf(request)
        const { channel, address } = request.params
        const removed = await unsuppressAddress(
          { store, clock },
          { workspace, actor: name, channel, address },
        )
        if (!removed) {
          return sendFault(reply, { code: 'not_found', detail: `${address} is not suppressed in ${channel}` })
        }
        return reply.send({ removed: true })
      },
    )
  }
}

const csvColumns = ['channel', 'address', 'reason', 'detail', 'createdAt']

/** Page by page: a list of millions takes no more memory than one page. */
async function* csvPages(db: WorkspaceDb): AsyncGenerator<string> {
  yield `${csvColumns.join(',')}\n`
  for await (const page of eachSuppressionPage(db)) {
    yield stringify(
      page.map((own) => [
        own.channel,
        own.address,
        own.reason,
        own.detail,
        new Date(own.createdAt).toISOString(),
      ]),
    )
  }
}

function cursorAfter({ channel, address }: Suppression): string {
  return Buffer.from(`${channel} ${address}`).toString('base64url')
}

function afterOf(cursor: string): Pick<Suppression, 'channel' | 'address'> | null {
  const [channel, ...address] = Buffer.from(cursor, 'base64url').toString().split(' ')
  const known = channelSchema.safeParse(channel)
  return known.success && address.length > 0 ? { channel: known.data, address: address.join(' ') } : null
}
