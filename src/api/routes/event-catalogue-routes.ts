import { z } from 'zod'
import { type CataloguedEvent, listCatalogue, loadCatalogued } from '../../ingest/catalogue/read-catalogue.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity, pageOf } from '../shapes.ts'

const kindSchema = z.enum(['track', 'identify', 'page', 'screen', 'group', 'alias'])

const eventFields = {
  kind: z.string(),
  name: z.string().describe('Of a track event; of a page or screen where it has one.'),
  count: z.int().describe('Events that the store keeps.'),
  firstSeenAt: z.int(),
  lastSeenAt: z.int(),
  properties: z
    .array(
      z.object({
        name: z.string(),
        types: z.array(
          z.object({
            type: z.string().describe('string, number, boolean, object, array or null.'),
            example: z.string().nullable().describe('Null where a value could tell of a person.'),
            firstSeenAt: z.int(),
          }),
        ),
      }),
    )
    .describe('At most 200; the traits of an identify or a group.'),
}
const cataloguedSchema = z.object(eventFields).meta({ id: 'CataloguedEvent' })

const oneSchema = z.object({
  ...eventFields,
  days: z.array(z.object({ day: z.string().describe('UTC, as 2026-02-28.'), count: z.int() })),
})

/** What is sent: names, properties, counts. */
export function eventCatalogueRoutes({ store }: Pick<Doors, 'store'>): ApiRoutes {
  return (app) => {
    app.get(
      '/events/catalogue',
      {
        schema: {
          tags: ['events'],
          summary: 'List the events that came, by kind and name',
          security: adminSecurity,
          querystring: z.object({
            kind: kindSchema.optional(),
            limit: z.coerce.number().int().min(1).max(200).default(50),
            cursor: z.string().max(1500).optional().describe('`nextCursor` of the page before.'),
          }),
          response: { 200: pageOf(cataloguedSchema) },
        },
      },
      async (request, reply) => {
        const { limit, kind, cursor } = request.query
        const after = cursor === undefined ? undefined : decodePosition(cursor)
        if (after === null) {
          return sendFault(reply, {
            code: 'invalid_request',
            detail: 'not a cursor of ours',
            field: 'cursor',
          })
        }
        const { workspace } = principalOf(request)
        // One more than asked for tells whether there is another page.
        const events = await listCatalogue(store.read.workspace(workspace), {
          limit: limit + 1,
          ...(kind !== undefined && { kind }),
          ...(after !== undefined && { after }),
        })
        const items = events.slice(0, limit).map(viewOf)
        const last = items.at(-1)
        const hasMore = events.length > limit && last !== undefined
        return reply.send({ items, nextCursor: hasMore ? encodePosition(last) : null })
      },
    )

    app.get(
      '/events/catalogue/:kind',
      {
        schema: {
          tags: ['events'],
          summary: 'One event of the catalogue, with its counts by day',
          security: adminSecurity,
          params: z.object({ kind: kindSchema }),
          querystring: z.object({ name: z.string().max(256).default('') }),
          response: { 200: oneSchema },
        },
      },
      async (request, reply) => {
        const { workspace } = principalOf(request)
        const { kind } = request.params
        const { name } = request.query
        const event = await loadCatalogued(store.read.workspace(workspace), { kind, name })
        if (event === null) {
          const detail = `no ${kind} event ${name === '' ? 'without a name' : `"${name}"`} has come`
          return sendFault(reply, { code: 'not_found', detail })
        }
        const days = event.days.map(({ dayUtc, eventsCount }) => ({
          day: new Date(dayUtc * 86_400_000).toISOString().slice(0, 10),
          count: eventsCount,
        }))
        return reply.send({ ...viewOf(event), days })
      },
    )
  }
}

function viewOf(event: CataloguedEvent): z.output<typeof cataloguedSchema> {
  return {
    kind: event.kind,
    name: event.name,
    count: event.eventsCount,
    firstSeenAt: event.firstOccurredAt,
    lastSeenAt: event.lastOccurredAt,
    properties: event.properties.map(({ property, types }) => ({
      name: property,
      types: types.map(({ type, example, firstOccurredAt }) => ({
        type,
        example: example === '' ? null : example,
        firstSeenAt: firstOccurredAt,
      })),
    })),
  }
}

function encodePosition({ kind, name }: { kind: string; name: string }): string {
  return Buffer.from(`${kind} ${name}`).toString('base64url')
}

/** Null for anything that is no cursor of ours. */
function decodePosition(cursor: string): { kind: string; name: string } | null {
  const match = /^([a-z]+) (.*)$/s.exec(Buffer.from(cursor, 'base64url').toString())
  return match === null || match[2]?.includes('\u0000') ? null : { kind: match[1]!, name: match[2]! }
}
