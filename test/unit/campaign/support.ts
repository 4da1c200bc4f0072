import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type WorkspaceFile, workspaceFileSchema } from '#contracts/campaign.ts'
import type { WorkspaceSettings } from '#contracts/workspace.ts'
import type { Store, WorkspaceDb } from '#platform/store/store.ts'
import { applyPlan, planApply } from '../../../src/campaign/apply.ts'
import { type CampaignAction, transition } from '../../../src/campaign/lifecycle.ts'
import { openTestStore } from '../../support/test-store.ts'

export const settings: WorkspaceSettings = {
  workspace: 'shop',
  name: 'Shop',
  sendMode: 'outbox',
  allowlist: [],
  killSwitch: false,
  reportingCurrency: 'EUR',
  zone: 'Europe/Berlin',
}

/** A store of its own, gone when the test ends. */
export async function emptyStore(): Promise<Store> {
  const folder = await mkdtemp(join(tmpdir(), 'starling-campaign-'))
  const store = await openTestStore(folder)
  onTestFinished(async () => {
    await store.close()
    await rm(folder, { recursive: true })
  })
  return store
}

export const inShop = <T>(store: Store, work: (db: WorkspaceDb) => Promise<T>): Promise<T> =>
  store.transaction((tx) => work(tx.workspace('shop')))

type Json = Record<string, unknown>

/** A file without a fault: one campaign that offers coffee by e-mail. */
export function shopFile(patch: Json = {}): WorkspaceFile {
  return workspaceFileSchema.parse({
    goals: [{ id: 'purchase', event: 'Order Completed', value: { property: 'revenue' }, windowHours: 72 }],
    offers: [
      { id: 'coffee', name: 'Coffee', value: 12.5 },
      { id: 'tea', name: 'Tea' },
    ],
    templates: [
      { id: 'coffee-mail', channel: 'email', subject: 'Coffee', text: 'A cup?' },
      { id: 'coffee-text', channel: 'sms', text: 'A cup?' },
    ],
    segments: [
      { id: 'regulars', name: 'Regulars', condition: { event: 'Order Completed', op: 'gte', value: 3 } },
    ],
    campaigns: [spring()],
    ...patch,
  })
}

export function spring(patch: Json = {}): Json {
  return {
    id: 'spring',
    name: 'Spring',
    goal: 'purchase',
    trigger: { event: 'Product Viewed' },
    treatments: [
      { offer: 'coffee', channel: 'email', cost: 0.0075, variants: [{ id: 'a', template: 'coffee-mail' }] },
    ],
    budget: 100,
    ...patch,
  }
}

/** Plans and applies in one transaction. */
export function apply(store: Store, file: WorkspaceFile, now = 1000) {
  return inShop(store, async (db) => {
    const plan = await planApply(db, file, settings)
    if (plan.faults.length === 0) await applyPlan(db, plan, 'ada', now)
    return plan
  })
}

/** Takes the steps in turn; the last result. */
export async function step(store: Store, ...actions: CampaignAction[]) {
  let result: Awaited<ReturnType<typeof transition>> | undefined
  for (const action of actions) {
    result = await inShop(store, (db) =>
      transition(db, { campaignId: 'spring', action, actor: 'ada', note: '', now: 2000 }),
    )
  }
  if (result === undefined) throw new Error('no action')
  return result
}
