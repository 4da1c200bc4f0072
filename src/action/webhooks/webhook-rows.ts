import { randomBytes } from 'node:crypto'
import type { InstantMs } from '#contracts/clock.ts'
import { stableId } from '#platform/ids/ids.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import type { MessageEventType } from './message-event.ts'

export type WebhookRow = RowOf<'webhooks'>

/** Enough for people's systems, few enough to look at each of them every second. */
export const webhooksMax = 20
/** After a rotation both secrets sign for a day, so that receivers have time to change theirs. */
const oldSecretMs = 86_400_000

/** What an operator sees: never the secret. */
export interface Webhook {
  webhookId: string
  url: string
  events: MessageEventType[]
  state: 'active' | 'disabled'
  reason: string
  failingSince: InstantMs | null
  createdAt: InstantMs
}

/** In their order of making. */
export async function listWebhooks(db: WorkspaceDb): Promise<Webhook[]> {
  const rows = await db.selectFrom('webhooks').selectAll('webhooks').execute()
  return rows.map(webhookOf).sort((a, b) => a.createdAt - b.createdAt || (a.webhookId < b.webhookId ? -1 : 1))
}

export async function findWebhook(db: WorkspaceDb, webhookId: string): Promise<WebhookRow | null> {
  const row = await db
    .selectFrom('webhooks')
    .selectAll('webhooks')
    .where('webhooks.webhook_id', '=', webhookId)
    .executeTakeFirst()
  return row ?? null
}

/** Resolves to the secret too, which is shown this once; null where there are as many as may be. */
export async function addWebhook(
  db: WorkspaceDb,
  { url, events }: { url: string; events: readonly MessageEventType[] },
  now: InstantMs,
): Promise<{ webhook: Webhook; secret: string } | null> {
  const known = await db.selectFrom('webhooks').select('webhooks.webhook_id').execute()
  if (known.length >= webhooksMax) return null
  const secret = newSecret()
  const row = {
    webhook_id: stableId('webhook', secret).slice(0, 16),
    url,
    events_json: JSON.stringify(events),
    state: 'active' as const,
    reason: '',
    secret,
    old_secret: '',
    old_until: 0,
    failing_since: null,
    created_at: now,
  }
  await db.bulkInsert('webhooks', [row], 'fail')
  return { webhook: webhookOf({ ...row, workspace: db.workspace }), secret }
}

export interface WebhookPatch {
  url?: string
  events?: readonly MessageEventType[]
  /** `active` lets one that was disabled begin anew. */
  state?: 'active' | 'disabled'
}

/** Resolves to the webhook as it is then; null where there is none. */
export async function changeWebhook(
  db: WorkspaceDb,
  webhookId: string,
  { url, events, state }: WebhookPatch,
): Promise<Webhook | null> {
  await setWebhook(db, webhookId, {
    ...(url === undefined ? {} : { url }),
    ...(events === undefined ? {} : { events_json: JSON.stringify(events) }),
    ...(state === 'active' ? { state, reason: '', failing_since: null } : {}),
    ...(state === 'disabled' ? { state, reason: 'by an operator' } : {}),
  })
  const row = await findWebhook(db, webhookId)
  return row === null ? null : webhookOf(row)
}

/** Gives it another secret; the one before signs too for a day. */
export async function rotateSecret(
  db: WorkspaceDb,
  webhookId: string,
  wallNow: InstantMs,
): Promise<{ secret: string; oldUntil: InstantMs } | null> {
  const row = await findWebhook(db, webhookId)
  if (row === null) return null
  const secret = newSecret()
  const oldUntil = wallNow + oldSecretMs
  await setWebhook(db, webhookId, { secret, old_secret: row.secret, old_until: oldUntil })
  return { secret, oldUntil }
}

/** With its deliveries. Resolves to whether there was one. */
export async function removeWebhook(db: WorkspaceDb, webhookId: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('webhooks')
    .where('webhooks.webhook_id', '=', webhookId)
    .executeTakeFirstOrThrow()
  await db.deleteFrom('webhook_deliveries').where('webhook_deliveries.webhook_id', '=', webhookId).execute()
  return numDeletedRows > 0n
}

/** The secrets that sign now, the newest first. */
export function secretsOf({ secret, old_secret, old_until }: WebhookRow, wallNow: InstantMs): string[] {
  return old_secret !== '' && wallNow < old_until ? [secret, old_secret] : [secret]
}

async function setWebhook(db: WorkspaceDb, webhookId: string, values: Partial<WebhookRow>): Promise<void> {
  if (Object.keys(values).length === 0) return
  await db.updateTable('webhooks').set(values).where('webhooks.webhook_id', '=', webhookId).execute()
}

function newSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`
}

function webhookOf(row: WebhookRow): Webhook {
  return {
    webhookId: row.webhook_id,
    url: row.url,
    events: JSON.parse(row.events_json) as MessageEventType[],
    state: row.state,
    reason: row.reason,
    failingSince: row.failing_since,
    createdAt: row.created_at,
  }
}
