import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '#contracts/logger.ts'
import { createSteppedClock } from '#platform/clock/stepped-clock.ts'
import { systemClock } from '#platform/clock/system-clock.ts'
import { stableId } from '#platform/ids/ids.ts'
import { createInThreadLog } from '#platform/log/in-thread-log.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { openStore } from '#platform/store/open-store.ts'
import { createWake } from '#platform/threads/wake.ts'
import { repairSpend } from '../../src/action/campaign-spend.ts'
import { installShop, shopCampaignId, shopWorkspace } from '../../src/cli/demo/shop-installation.ts'
import type { EngineParts } from '../../src/pipeline/engine-parts.ts'
import { defaultSettings } from '../../src/pipeline/in-thread-engine.ts'
import { assembleWorker } from '../../src/pipeline/roles/worker-role.ts'
import { customerIdAt, fillStore } from './fill-store.ts'

/** Noon in June: most zones of the customers have no quiet hours. */
const now = Date.UTC(2026, 5, 15, 12, 0)
const quiet: Logger = { error: console.error, warn: console.error, info: () => {}, debug: () => {} }

export interface FreshWorker {
  /** Appends that many trigger events of customers drawn at random and commits all; milliseconds. */
  round(events: number): Promise<number>
  decisions(): Promise<number>
  close(): Promise<void>
}

/** A workspace with the shop's campaign live in it and its customers, in files that are closed again. */
export async function fillFolder(folder: string, customers: number): Promise<void> {
  mkdirSync(folder)
  const { parts, close } = await openParts(folder, customers)
  await installShop(parts)
  await close()
  const options = { workspace: shopWorkspace, campaignId: shopCampaignId, customers, now }
  await fillStore(join(folder, 'store.db'), options)
}

/** A worker that has seen nothing of its store. */
export async function openFreshWorker(folder: string, customers: number): Promise<FreshWorker> {
  const { parts, close } = await openParts(folder, customers)
  await parts.store.transaction((tx) => repairSpend(tx.workspace(shopWorkspace)))
  const worker = await assembleWorker(parts)
  const random = createSeededRandom(customers, 11)
  let number = 0
  const triggerOf = () => {
    const index = Math.floor(random.next() * customers)
    const customerId = customerIdAt(index)
    const eventId = stableId('trigger', String(number++))
    const payload = {
      name: 'Product Added',
      properties: { productId: `sku-${index % 997}`, name: 'A pair of shoes', price: 79.9, currency: 'EUR' },
      context: { library: { name: '@segment/analytics-node', version: '3.1.0' }, locale: 'de-DE' },
      userId: `customer-${index}`,
    }
    const envelope = { v: 1, workspace: shopWorkspace, eventId, customerId, kind: 'track' }
    const body = JSON.stringify({ ...envelope, occurredAt: now, receivedAt: now, payload })
    return { key: `${shopWorkspace}\u0000${customerId}`, body }
  }
  return {
    async round(events) {
      const records = Array.from({ length: events }, triggerOf)
      const startedAt = performance.now()
      const result = await parts.log.append(records)
      if (result.kind !== 'appended') throw new Error(`the log answered ${result.kind}`)
      while ((await worker.lag()) > 0) await worker.step(0)
      return performance.now() - startedAt
    },
    async decisions() {
      const row = await parts.store.read
        .workspace(shopWorkspace)
        .selectFrom('decisions')
        .where('decisions.decided_at', '=', now)
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow()
      return Number(row.count)
    },
    async close() {
      await worker.close()
      await close()
    },
  }
}

async function openParts(
  folder: string,
  seed: number,
): Promise<{ parts: EngineParts; close(): Promise<void> }> {
  const log = createInThreadLog({ file: join(folder, 'log.db'), wallClock: systemClock })
  const store = await openStore({ file: join(folder, 'store.db') })
  const parts: EngineParts = {
    store,
    log,
    wake: createWake(),
    clock: createSteppedClock(now),
    wallClock: systemClock,
    random: createSeededRandom(seed),
    logger: quiet,
    settings: defaultSettings,
  }
  return {
    parts,
    async close() {
      await log.close()
      await store.close()
    },
  }
}
