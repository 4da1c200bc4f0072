import { z } from 'zod'
import { itemIdSchema, itemPatchSchema, itemSchema } from '#contracts/item.ts'
import { listItems, loadItems } from '../../items/item-rows.ts'
import { itemBody } from '../../items/read-item.ts'
import { type RefusedItem, removeItem, saveItemPatches, saveWholeItems } from '../../pipeline/change-items.ts'
import type { ApiRoutes } from '../api-app.ts'
import { principalOf } from '../auth.ts'
import type { Doors } from '../doors.ts'
import { sendFault } from '../problem.ts'
import { adminSecurity, pageQuery } from '../shapes.ts'

const tags = ['catalogue']
const security = adminSecurity
const params = z.object({ itemId: itemIdSchema })
/** Of one request. */
const itemsMax = 1000
const shown = itemSchema.meta({ id: 'Item' })

/** Items of the catalogue, one by one and some at a time. */
export function itemRoutes(doors: Doors): ApiRoutes {
  const { store } = doors
  return (app) => {
    app.get(
      '/items',
      {
        schema: {
          tags,
          summary: 'List items by their ids',
          security,
          querystring: z.object({
            ...pageQuery,
            limit: z.coerce.number().int().min(1).max(1000).default(100),
          }),
          response: { 200: z.object({ items: z.array(shown), nextCursor: z.string().nullable() }) },
        },
      },
      async (request, reply) => {
        const { limit, cursor } = request.query
        const db = store.read.workspace(principalOf(request).workspace)
        const after = cursor === undefined ? '' : Buffer.from(cursor, 'base64url').toString()
        const found = await listItems(db, { after, limit: limit + 1 })
        const items = found.slice(0, limit)
        const last = found.length > limit ? items.at(-1) : undefined
        const nextCursor = last === undefined ? null : Buffer.from(last.id).toString('base64url')
        return reply.send({ items: items.map(itemBody), nextCursor })
      },
    )

    app.get(
      '/items/:itemId',
      { schema: { tags, summary: 'An item', security, params, response: { 200: shown } } },
      async (request, reply) => {
        const { itemId } = request.params
        const db = store.read.workspace(principalOf(request).workspace)
        const item = (await loadItems(db, [itemId])).get(itemId)
        return item === undefined ? sendFault(reply, noItem(itemId)) : reply.send(itemBody(item))
      },
    )

    app.put(
      '/items',
      {
        bodyLimit: 16 * 1024 * 1024,
        schema: {
          tags,
          summary: 'Write items as they are given: all or none',
          description: `At most ${itemsMax}. In force for every send that begins after the answer. An item of a feed is as it is said here until the feed’s next edition.`,
          security,
          body: z.object({ items: z.array(z.unknown()).min(1).max(itemsMax) }),
          response: { 200: z.object({ items: z.int() }) },
        },
      },
      async (request, reply) => {
        const { workspace, name: actor } = principalOf(request)
        const { saved, refused } = await saveWholeItems(doors, {
          workspace,
          actor,
          bodies: request.body.items,
        })
        const [first] = refused
        return first === undefined
          ? reply.send({ items: saved.length })
          : sendFault(reply, faultOf(first, `items[${first.at}].`))
      },
    )

    app.put(
      '/items/:itemId',
      {
        schema: {
          tags,
          summary: 'Write an item as it is given',
          security,
          params,
          body: z.record(z.string(), z.unknown()).describe('An item; its id may be left out.'),
          response: { 200: shown },
        },
      },
      async (request, reply) => {
        const { workspace, name: actor } = principalOf(request)
        const body = { ...request.body, id: request.params.itemId }
        const { saved, refused } = await saveWholeItems(doors, { workspace, actor, bodies: [body] })
        return saved[0] === undefined
          ? sendFault(reply, faultOf(refused[0]!, ''))
          : reply.send(itemBody(saved[0]))
      },
    )

    app.patch(
      '/items/:itemId',
      {
        schema: {
          tags,
          summary: 'Change some fields of an item: its stock, its price',
          description: 'What is left out stays; null takes a field away.',
          security,
          params,
          body: itemPatchSchema,
          response: { 200: shown },
        },
      },
      async (request, reply) => {
        const { workspace, name: actor } = principalOf(request)
        const { itemId } = request.params
        const patches = [{ id: itemId, patch: request.body }]
        const { saved, refused } = await saveItemPatches(doors, {
          workspace,
          actor,
          patches,
          onlyKnown: true,
        })
        if (refused[0] !== undefined) return sendFault(reply, faultOf(refused[0], ''))
        return saved[0] === undefined ? sendFault(reply, noItem(itemId)) : reply.send(itemBody(saved[0]))
      },
    )

    app.delete(
      '/items/:itemId',
      { schema: { tags, summary: 'Take an item out', security, params, response: { 204: z.null() } } },
      async (request, reply) => {
        const { workspace, name: actor } = principalOf(request)
        const { itemId } = request.params
        const isThere = await removeItem(doors, { workspace, actor, itemId })
        return isThere ? reply.code(204).send(null) : sendFault(reply, noItem(itemId))
      },
    )
  }
}

function faultOf({ field, detail }: RefusedItem, at: string) {
  return { code: 'invalid_request' as const, detail, field: `${at}${field}` }
}

function noItem(itemId: string) {
  return { code: 'not_found' as const, detail: `there is no item ${itemId}` }
}
