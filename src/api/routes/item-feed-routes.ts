import { z } from 'zod'
import { idSchema } from '#contracts/campaign.ts'
import { type Feed, feedsMax, listFeeds } from '../../items/feeds/feed-rows.ts'
import { feedUrlFault, fetchItemFeed, removeItemFeed, saveItemFeed } from '../../pipeline/change-feeds.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity } from '../shapes.ts'

const minuteMs = 60_000
const tags = ['catalogue']
const security = adminSecurity
const params = z.object({ feedId: idSchema })
const instant = z.iso.datetime().nullable()

const feedSchema = z
  .object({
    feedId: idSchema,
    url: z.string(),
    everyMinutes: z.number(),
    state: z.enum(['active', 'paused']),
    items: z.int().describe('In the edition that is read.'),
    signedAt: instant,
    triedAt: instant,
    takenAt: instant,
    nextAt: instant,
    result: z.enum(['', 'taken', 'unchanged', 'refused', 'failed']).describe('Of the last fetch.'),
    report: z.object({
      detail: z.string(),
      rows: z.int(),
      refused: z
        .array(z.object({ line: z.int(), field: z.string(), detail: z.string() }))
        .describe('The first hundred; while there is one, the edition before stays as it is.'),
      refusedTotal: z.int(),
    }),
  })
  .meta({ id: 'ItemFeed' })

const feedBody = z.object({
  url: z.string().max(2048),
  everyMinutes: z.number().min(5).max(10_080).default(60),
  state: z.enum(['active', 'paused']).default('active'),
})

/** Where whole catalogues are fetched from. */
export function itemFeedRoutes(doors: Doors): ApiRoutes {
  const { store, settings } = doors
  return (app) => {
    app.get(
      '/item-feeds',
      {
        schema: {
          tags,
          summary: 'List feeds of items, each with what came of its last fetch',
          security,
          response: { 200: z.object({ items: z.array(feedSchema) }) },
        },
      },
      async (request, reply) => {
        const feeds = await listFeeds(store.read.workspace(principalOf(request).workspace))
        return reply.send({ items: feeds.map(shown) })
      },
    )

    app.put(
      '/item-feeds/:feedId',
      {
        schema: {
          tags,
          summary: 'Make a feed, or change where and how often it is fetched',
          description: `Fetched at once, then every \`everyMinutes\`. It is a CSV as \`POST /imports/items\` takes it, signed as Standard Webhooks has it. At most ${feedsMax} of a workspace.`,
          security,
          params,
          body: feedBody,
          response: {
            200: z.object({
              feedId: idSchema,
              secret: z
                .string()
                .nullable()
                .describe('Of a new feed, shown this once: what it is signed with.'),
            }),
          },
        },
      },
      async (request, reply) => {
        const { workspace, name: actor } = principalOf(request)
        const { feedId } = request.params
        const { url, everyMinutes, state } = request.body
        const fault = feedUrlFault(url, { privateHosts: settings.feedPrivateHosts })
        if (fault !== null) return sendFault(reply, { code: 'invalid_request', detail: fault, field: 'url' })
        const feed = { feedId, url, everyMs: Math.round(everyMinutes * minuteMs), state }
        const saved = await saveItemFeed(doors, { workspace, actor, feed })
        if (saved === null)
          return sendFault(reply, { code: 'conflict', detail: `there are ${feedsMax} feeds already` })
        return reply.send({ feedId, secret: saved.secret })
      },
    )

    app.post(
      '/item-feeds/:feedId/fetch',
      {
        schema: {
          tags,
          summary: 'Fetch a feed now',
          description: 'The list says what came of it.',
          security,
          params,
          response: { 202: z.object({ feedId: idSchema }) },
        },
      },
      async (request, reply) => {
        const { workspace, name: actor } = principalOf(request)
        const { feedId } = request.params
        const isThere = await fetchItemFeed(doors, { workspace, actor, feedId })
        return isThere ? reply.code(202).send({ feedId }) : sendFault(reply, noFeed(feedId))
      },
    )

    app.delete(
      '/item-feeds/:feedId',
      {
        schema: {
          tags,
          summary: 'Take a feed away, with its items',
          security,
          params,
          response: { 204: z.null() },
        },
      },
      async (request, reply) => {
        const { workspace, name: actor } = principalOf(request)
        const { feedId } = request.params
        const isThere = await removeItemFeed(doors, { workspace, actor, feedId })
        return isThere ? reply.code(204).send(null) : sendFault(reply, noFeed(feedId))
      },
    )
  }
}

function shown({ everyMs, signedAt, triedAt, takenAt, nextAt, ...feed }: Feed) {
  return {
    ...feed,
    everyMinutes: everyMs / minuteMs,
    signedAt: isoOf(signedAt),
    triedAt: isoOf(triedAt),
    takenAt: isoOf(takenAt),
    nextAt: isoOf(nextAt),
  }
}

function isoOf(at: number): string | null {
  return at === 0 ? null : new Date(at).toISOString()
}

function noFeed(feedId: string) {
  return { code: 'not_found' as const, detail: `there is no feed ${feedId}` }
}
