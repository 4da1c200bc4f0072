import { z } from 'zod'
import type { Principal } from './auth.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { sendFault } from './problem.ts'

/** Words that several groups of paths share. Instants are milliseconds UTC. */

export const adminSecurity = [{ adminKey: [] }]

/** One page of a list: what every list takes. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(500).optional().describe('`nextCursor` of the page before.'),
}

export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({
    items: z.array(item),
    nextCursor: z.string().nullable().describe('Null on the last page.'),
  })
}

export const alreadySendingSchema = z
  .array(z.string())
  .describe('Ids of messages whose send had begun before: they may still arrive.')

export const actorSchema = z
  .string()
  .min(1)
  .max(200)
  .optional()
  .describe('Who does it. Default: the key’s name.')

/** Who takes a step, and why. */
export const stepBody = { actor: actorSchema, note: z.string().max(2000).default('') }

export function stepBy(
  { workspace, name }: Principal,
  body: { actor?: string | undefined; note?: string } | null | undefined,
): { workspace: string; actor: string; note: string } {
  return { workspace, actor: body?.actor ?? name, note: body?.note ?? '' }
}

/** Where the page before ended; null after the fault has been sent. */
export function cursorOf(
  cursor: string | undefined,
  reply: object,
): { at: { at: number; id: string } | undefined } | null {
  if (cursor === undefined) return { at: undefined }
  const decoded = decodeCursor(cursor)
  if (decoded !== null) return { at: decoded }
  sendFault(reply, { code: 'invalid_request', detail: 'not a cursor of ours', field: 'cursor' })
  return null
}

/** `rows` holds one more than asked for where there is another page. */
export function cutPage<Row, Item>(
  rows: Row[],
  limit: number,
  positionOf: (row: Row) => { at: number; id: string },
  itemOf: (row: Row) => Item,
): { items: Item[]; nextCursor: string | null } {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const hasMore = rows.length > limit && last !== undefined
  return { items: shown.map(itemOf), nextCursor: hasMore ? encodeCursor(positionOf(last)) : null }
}

export const channelSchema = z.enum(['email', 'sms', 'push', 'in-app', 'webhook'])
