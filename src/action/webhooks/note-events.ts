import { stableId } from '#platform/ids/ids.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'
import type { MessageEvent } from './message-event.ts'

/**
 * Puts events down for every webhook that wants them, in the transaction that makes them true: what is committed
 * is told, what is rolled back is not. An event noted before stays as it is. Where nobody subscribes it costs one
 * look-up. The messages must have been written.
 */
export async function noteEvents(db: WorkspaceDb, events: readonly MessageEvent[]): Promise<void> {
  if (events.length === 0) return
  const webhooks = await db.recurring(activeWebhooks, { state: 'active' })
  if (webhooks.length === 0) return
  const subscribed = webhooks.map((row) => ({
    webhookId: row.webhook_id,
    types: new Set<string>(JSON.parse(row.events_json) as string[]),
  }))
  const wanted = events.filter(({ type }) => subscribed.some(({ types }) => types.has(type)))
  if (wanted.length === 0) return
  const messages = await messagesOf(db, [...new Set(wanted.map(({ messageId }) => messageId))])
  const rows: WorkspaceRowOf<'webhook_deliveries'>[] = []
  for (const event of wanted) {
    const message = messages.get(event.messageId)
    if (message === undefined) continue
    const body = bodyOf(db.workspace, event, message)
    for (const { webhookId, types } of subscribed) {
      if (types.has(event.type)) rows.push(deliveryRow(webhookId, event, body))
    }
  }
  await db.bulkInsert('webhook_deliveries', rows, 'ignore')
}

const activeWebhooks: RecurringQuery<
  { state: string },
  Pick<RowOf<'webhooks'>, 'webhook_id' | 'events_json'>
> = {
  like: { state: 'text' },
  build: (db, { state }) =>
    db
      .selectFrom('webhooks')
      .select(['webhooks.webhook_id', 'webhooks.events_json'])
      .where('webhooks.state', '=', state as 'active'),
}

type Told = Pick<
  RowOf<'messages'>,
  | 'message_id'
  | 'customer_id'
  | 'campaign_id'
  | 'campaign_version'
  | 'treatment_id'
  | 'variant_id'
  | 'channel'
  | 'address'
>

async function messagesOf(db: WorkspaceDb, messageIds: string[]): Promise<Map<string, Told>> {
  const rows = await db
    .selectByKeys('messages', 'message_id', messageIds)
    .select(['messages.message_id', 'messages.customer_id', 'messages.campaign_id'])
    .select(['messages.campaign_version', 'messages.treatment_id', 'messages.variant_id'])
    .select(['messages.channel', 'messages.address'])
    .execute()
  return new Map(rows.map((row) => [row.message_id, row]))
}

/** The payload as Standard Webhooks recommends it: `type`, `timestamp`, `data`. */
function bodyOf(workspace: string, { type, at, reason }: MessageEvent, message: Told): string {
  return JSON.stringify({
    type,
    timestamp: new Date(at).toISOString(),
    data: {
      workspace,
      messageId: message.message_id,
      customerId: message.customer_id,
      campaignId: message.campaign_id,
      campaignVersion: message.campaign_version,
      treatmentId: message.treatment_id,
      variantId: message.variant_id,
      channel: message.channel,
      address: message.address,
      ...(reason === undefined ? {} : { reason }),
    },
  })
}

function deliveryRow(
  webhookId: string,
  { type, messageId, key, at }: MessageEvent,
  body: string,
): WorkspaceRowOf<'webhook_deliveries'> {
  return {
    webhook_id: webhookId,
    delivery_id: stableId(webhookId, type, messageId, key),
    type,
    message_id: messageId,
    body,
    state: 'waiting',
    attempts: 0,
    // At once: the injected clock, which the event goes by, may be another.
    due_at: 0,
    status: 0,
    reason: '',
    created_at: at,
    ended_at: null,
  }
}
