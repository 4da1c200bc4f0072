import { Webhook } from 'standardwebhooks'
import type { Clock, InstantMs } from '#contracts/clock.ts'
import type { Logger } from '#contracts/logger.ts'
import type { Random } from '#contracts/random.ts'
import type { Store, StoreTransaction, WorkspaceDb } from '#platform/store/store.ts'
import { type HttpClient, privateHost } from '../http/http-client.ts'
import { retryAfterMs } from '../http/retry-after.ts'
import { claimDeliveries, type DeliveryRow, ownDelivery, saveDeliveries } from './delivery-rows.ts'
import { findWebhook, secretsOf, type WebhookRow } from './webhook-rows.ts'

export interface WebhookSenderParts {
  store: Store
  workspaces: { list(): Promise<string[]> }
  client: HttpClient
  /** Back-off, leases and signatures go by it. */
  wallClock: Clock
  random: Random
  logger: Pick<Logger, 'error' | 'warn'>
  /** Told in the transaction that disables one, for operators to find. */
  disabled(tx: StoreTransaction, workspace: string, webhookId: string, reason: string): Promise<void>
}

export interface WebhookSender {
  /** Starts what is due. Resolves to how many; 0 means that nothing is due now, or all slots are taken. */
  step(): Promise<number>
  /** Resolves when everything under way has its result in the store. */
  drain(): Promise<void>
}

/** The waits that Standard Webhooks suggests, to 27.6 hours in all; each is spread by a fifth. */
const waitsMs = [5, 300, 1800, 7200, 18_000, 36_000, 36_000].map((seconds) => seconds * 1000)
const jitterShare = 0.2
/** Nothing has got through for so long: it is disabled. */
const failingMaxMs = 5 * 86_400_000
/** Longer than a call may take. */
const leaseMs = 60_000
/** Of one webhook at once, so that one that is slow leaves room for others. */
const perWebhookMax = 4
const inFlightMax = 32
const reasonCharactersMax = 200

/** Tells other systems what became of messages: at least once, signed, and again until they have it. */
export function createWebhookSender(parts: WebhookSenderParts): WebhookSender {
  const { store, workspaces, wallClock, logger } = parts
  const inFlight = new Map<string, Set<Promise<void>>>()
  const count = () => [...inFlight.values()].reduce((sum, own) => sum + own.size, 0)

  const start = (webhook: WebhookRow, delivery: DeliveryRow): void => {
    const own = inFlight.get(keyOf(webhook)) ?? new Set()
    inFlight.set(keyOf(webhook), own)
    const run = deliver(webhook, delivery, parts)
      .catch((error: unknown) => {
        // It is sent again when its lease has run out.
        logger.error('a webhook’s result could not be written', {
          webhookId: webhook.webhook_id,
          error: String(error),
        })
      })
      .finally(() => {
        own.delete(run)
        if (own.size === 0) inFlight.delete(keyOf(webhook))
      })
    own.add(run)
  }

  const stepWebhook = async (webhook: WebhookRow): Promise<number> => {
    const { workspace, webhook_id: webhookId } = webhook
    const taken = inFlight.get(keyOf(webhook))?.size ?? 0
    const limit = Math.min(perWebhookMax - taken, inFlightMax - count())
    const wallNow = wallClock.now()
    // A plain read first: what has nothing to tell costs no write transaction.
    const read = store.read.workspace(workspace)
    if (limit <= 0 || !(await hasDue(read, webhookId, wallNow))) return 0
    const claimed = await store.transaction((tx) =>
      claimDeliveries(tx.workspace(workspace), webhookId, { wallNow, leaseUntil: wallNow + leaseMs, limit }),
    )
    for (const delivery of claimed) start(webhook, delivery)
    return claimed.length
  }

  return {
    async step() {
      let started = 0
      for (const workspace of await workspaces.list()) {
        const webhooks = await activeWebhooks(store.read.workspace(workspace))
        for (const webhook of webhooks) started += await stepWebhook(webhook)
      }
      return started
    },
    async drain() {
      while (inFlight.size > 0) await Promise.all([...inFlight.values()].flatMap((own) => [...own]))
    },
  }
}

async function activeWebhooks(db: WorkspaceDb): Promise<WebhookRow[]> {
  return await db
    .selectFrom('webhooks')
    .selectAll('webhooks')
    .where('webhooks.state', '=', 'active')
    .execute()
}

async function hasDue(db: WorkspaceDb, webhookId: string, wallNow: InstantMs): Promise<boolean> {
  const due = await db
    .selectFrom('webhook_deliveries')
    .select('webhook_deliveries.delivery_id')
    .where('webhook_deliveries.webhook_id', '=', webhookId)
    .where('webhook_deliveries.state', '=', 'waiting')
    .where('webhook_deliveries.due_at', '<=', wallNow)
    .orderBy('webhook_deliveries.due_at')
    .limit(1)
    .executeTakeFirst()
  return due !== undefined
}

/** What an attempt came to. */
interface Told {
  /** HTTP status; 0 where none came. */
  status: number
  reason: string
  retryAfterMs?: number
}

async function deliver(webhook: WebhookRow, delivery: DeliveryRow, parts: WebhookSenderParts): Promise<void> {
  const told = await tell(webhook, delivery, parts)
  await parts.store.transaction((tx) => writeTold(tx, delivery, told, parts))
}

async function tell(
  webhook: WebhookRow,
  { delivery_id: id, body }: DeliveryRow,
  { client, wallClock }: WebhookSenderParts,
): Promise<Told> {
  const now = wallClock.now()
  const signatures = secretsOf(webhook, now).map((secret) =>
    new Webhook(secret).sign(id, new Date(now), body),
  )
  const outcome = await client.post({
    url: webhook.url,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'starling',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now / 1000)),
      'webhook-signature': signatures.join(' '),
    },
    body,
  })
  if (outcome.kind === 'failed') return { status: 0, reason: outcome.reason.slice(0, reasonCharactersMax) }
  const { status, headers } = outcome
  const retryMs = retryAfterMs(headers, wallClock.now())
  const reason = status >= 200 && status < 300 ? '' : `status ${status}`
  return { status, reason, ...(retryMs === undefined ? {} : { retryAfterMs: retryMs }) }
}

async function writeTold(
  tx: StoreTransaction,
  claimed: DeliveryRow,
  told: Told,
  parts: WebhookSenderParts,
): Promise<void> {
  const db = tx.workspace(claimed.workspace)
  const webhook = await findWebhook(db, claimed.webhook_id)
  const delivery = await ownDelivery(db, claimed)
  if (webhook === null || delivery === null) return
  const now = parts.wallClock.now()
  const { status, reason } = told
  if (reason === '') {
    await saveDeliveries(db, [{ ...delivery, state: 'delivered', status, reason, ended_at: now }])
    if (webhook.failing_since !== null) await setFailing(db, webhook, null)
    return
  }
  const waitMs = waitOf(delivery.attempts, told, parts.random)
  const next =
    waitMs === null
      ? { state: 'failed' as const, ended_at: now }
      : { state: 'waiting' as const, due_at: now + waitMs }
  await saveDeliveries(db, [{ ...delivery, ...next, status, reason }])
  await noteFailing(tx, webhook, told, now, parts)
}

/** How long until the next attempt; null: there is none. */
function waitOf(
  attempts: number,
  { status, reason, retryAfterMs: askedMs }: Told,
  random: Random,
): number | null {
  // Gone, and a host that we do not call: trying again changes nothing.
  if (status === 410 || reason.startsWith(privateHost)) return null
  const waitMs = waitsMs[attempts - 1]
  if (waitMs === undefined) return null
  const spreadMs = waitMs * (1 - jitterShare / 2 + jitterShare * random.next())
  return Math.round(Math.max(spreadMs, askedMs ?? 0))
}

async function noteFailing(
  tx: StoreTransaction,
  webhook: WebhookRow,
  { status }: Told,
  now: InstantMs,
  { disabled, logger }: WebhookSenderParts,
): Promise<void> {
  const db = tx.workspace(webhook.workspace)
  const since = webhook.failing_since ?? now
  const reason =
    status === 410
      ? 'it answered 410: nobody is there any more'
      : now - since >= failingMaxMs
        ? `nothing has got through since ${new Date(since).toISOString()}`
        : null
  if (reason !== null && (await disable(db, webhook, reason))) {
    await disabled(tx, webhook.workspace, webhook.webhook_id, reason)
    logger.warn('a webhook was disabled', { webhookId: webhook.webhook_id, reason })
  }
  if (webhook.failing_since === null) await setFailing(db, webhook, now)
}

/** Only what this changes is written: an operator may be changing the rest. */
async function setFailing(db: WorkspaceDb, webhook: WebhookRow, since: InstantMs | null): Promise<void> {
  await db
    .updateTable('webhooks')
    .set({ failing_since: since })
    .where('webhooks.webhook_id', '=', webhook.webhook_id)
    .execute()
}

/** False where it was disabled already. */
async function disable(db: WorkspaceDb, webhook: WebhookRow, reason: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('webhooks')
    .set({ state: 'disabled', reason })
    .where('webhooks.webhook_id', '=', webhook.webhook_id)
    .where('webhooks.state', '=', 'active')
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

function keyOf({ workspace, webhook_id }: WebhookRow): string {
  return `${workspace}\u0000${webhook_id}`
}
