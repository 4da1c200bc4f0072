import { setTimeout as pause } from 'node:timers/promises'
import { createHttpClient } from '../../action/http/http-client.ts'
import { createWebhookSender } from '../../action/webhooks/webhook-sender.ts'
import { listWorkspaces } from '../../campaign/workspaces.ts'
import { audit } from '../change-workspace.ts'
import type { RoleParts } from '../engine-parts.ts'
import { keepGoing } from './keep-going.ts'

const answerTimeoutMs = 15_000
const connectionsMax = 32
const idleMs = 500

/** Tells other systems until told to stop, beside the sender in its thread; what is under way ends first. */
export async function runWebhooks(parts: RoleParts, stop: AbortSignal): Promise<void> {
  const { store, wallClock, random, logger, settings } = parts
  const client = createHttpClient({
    answerTimeoutMs,
    connectionsMax,
    publicOnly: !settings.webhookPrivateHosts,
  })
  const webhooks = createWebhookSender({
    store,
    client,
    wallClock,
    random,
    logger,
    workspaces: { list: async () => (await listWorkspaces(store.read)).map(({ workspace }) => workspace) },
    disabled: (tx, workspace, webhookId, reason) =>
      audit(tx, { workspace, actor: 'starling' }, wallClock.now(), 'webhook.disabled', webhookId, reason),
  })
  await keepGoing(logger, { stop, beat() {} }, async () => {
    if ((await webhooks.step()) > 0) return
    await pause(idleMs, undefined, { signal: stop }).catch(() => undefined)
  })
  await webhooks.drain()
  await client.close()
}
