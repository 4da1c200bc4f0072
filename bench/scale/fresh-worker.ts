import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { stableId } from '#platform/ids/ids.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { repairSpend } from '../../src/action/campaign-spend.ts'
import { installShop, shopCampaignId, shopWorkspace } from '../../src/cli/demo/shop-installation.ts'
import { assembleWorker } from '../../src/pipeline/roles/worker-role.ts'
import { customerIdAt, fillStore } from './fill-store.ts'
import { now, openParts } from './open-parts.ts'

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
