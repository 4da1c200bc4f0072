import { z } from 'zod'
import type { InboxRow } from '../action/inbox-rows.ts'

export const inboxItemSchema = z
  .object({
    id: z.string(),
    title: z.string(),
    text: z.string(),
    html: z.string().describe('Empty where the template has none. Its links count clicks.'),
    url: z
      .string()
      .describe('Where a click leads, over a link that counts it; empty where there is nothing.'),
    data: z.record(z.string(), z.unknown()),
    createdAt: z.int(),
    expiresAt: z.int(),
    readAt: z.int().nullable(),
    clickedAt: z.int().nullable(),
    dismissedAt: z.int().nullable(),
  })
  .meta({ id: 'InboxItem' })

export function inboxItem(row: InboxRow): z.output<typeof inboxItemSchema> {
  return {
    id: row.message_id,
    title: row.title,
    text: row.text,
    html: row.html,
    url: row.url,
    data: JSON.parse(row.data_json) as Record<string, unknown>,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    readAt: row.read_at,
    clickedAt: row.clicked_at,
    dismissedAt: row.dismissed_at,
  }
}
