import type { InstantMs } from '#contracts/clock.ts'
import { isPrivateAddress } from '../action/http/private-address.ts'
import { replayDelivery, replayFailed } from '../action/webhooks/delivery-rows.ts'
import type { MessageEventType } from '../action/webhooks/message-event.ts'
import {
  addWebhook,
  changeWebhook,
  removeWebhook,
  rotateSecret,
  type Webhook,
  type WebhookPatch,
} from '../action/webhooks/webhook-rows.ts'
import { audit, type Change, type ChangeParts } from './change-workspace.ts'

type WebhookChange = Change & { webhookId: string }

/** Why it cannot be a webhook's address; null where it can. What a name resolves to is asked at each call. */
export function webhookUrlFault(url: string, { privateHosts }: { privateHosts: boolean }): string | null {
  const parsed = URL.parse(url)
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return 'must be an address of http or https'
  if (parsed.username !== '' || parsed.password !== '') return 'must hold no user name or password'
  const { hostname } = parsed
  if (!privateHosts && (isPrivateAddress(hostname) || hostname === 'localhost')) {
    return `${hostname} is no host of the internet; webhookPrivateHosts allows it`
  }
  return null
}

/** null where there are as many as may be. */
export async function createWebhook(
  { store, clock }: ChangeParts,
  change: Change & { url: string; events: readonly MessageEventType[] },
): Promise<{ webhook: Webhook; secret: string } | null> {
  return store.transaction(async (tx) => {
    const now = clock.now()
    const added = await addWebhook(tx.workspace(change.workspace), change, now)
    if (added !== null) await audit(tx, change, now, 'webhook.create', added.webhook.webhookId, change.url)
    return added
  })
}

/** null where there is none. */
export async function patchWebhook(
  { store, clock }: ChangeParts,
  change: WebhookChange & { patch: WebhookPatch },
): Promise<Webhook | null> {
  return store.transaction(async (tx) => {
    const { webhookId, patch } = change
    const changed = await changeWebhook(tx.workspace(change.workspace), webhookId, patch)
    const note = Object.keys(patch).join(' ')
    if (changed !== null) await audit(tx, change, clock.now(), 'webhook.change', webhookId, note)
    return changed
  })
}

/** null where there is none. */
export async function rotateWebhookSecret(
  { store, clock }: ChangeParts,
  change: WebhookChange & { wallNow: InstantMs },
): Promise<{ secret: string; oldUntil: InstantMs } | null> {
  return store.transaction(async (tx) => {
    const { webhookId, wallNow } = change
    const rotated = await rotateSecret(tx.workspace(change.workspace), webhookId, wallNow)
    if (rotated !== null) await audit(tx, change, clock.now(), 'webhook.rotate', webhookId)
    return rotated
  })
}

/** Resolves to whether there was one. */
export async function deleteWebhook({ store, clock }: ChangeParts, change: WebhookChange): Promise<boolean> {
  return store.transaction(async (tx) => {
    const removed = await removeWebhook(tx.workspace(change.workspace), change.webhookId)
    if (removed) await audit(tx, change, clock.now(), 'webhook.remove', change.webhookId)
    return removed
  })
}

/** One delivery, or all that failed. Resolves to how many are sent again. */
export async function replayDeliveries(
  { store, clock }: ChangeParts,
  change: WebhookChange & { deliveryId?: string },
): Promise<number> {
  return store.transaction(async (tx) => {
    const db = tx.workspace(change.workspace)
    const { webhookId, deliveryId } = change
    const count =
      deliveryId === undefined
        ? await replayFailed(db, webhookId)
        : Number(await replayDelivery(db, webhookId, deliveryId))
    if (count > 0) {
      await audit(tx, change, clock.now(), 'webhook.replay', webhookId, deliveryId ?? `${count} that failed`)
    }
    return count
  })
}
