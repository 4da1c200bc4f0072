import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import type { CampaignSpec } from '#contracts/campaign.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import type { RowOf, Store, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'
import { createLearner, type LearnerOptions } from '../../../src/learning/learner.ts'
import { insertRewards } from '../../../src/learning/reward-rows.ts'
import { openTestStore as openStoreIn } from '../../support/test-store.ts'

export const workspace = 'shop'

/** A real store in a folder of its own, gone after the test. */
export async function openTestStore(): Promise<Store> {
  const folder = await mkdtemp(path.join(tmpdir(), 'starling-learning-'))
  const store = await openStoreIn(folder)
  onTestFinished(async () => {
    await store.close()
    await rm(folder, { recursive: true })
  })
  return store
}

export async function write<T>(store: Store, work: (db: WorkspaceDb) => Promise<T>): Promise<T> {
  return await store.transaction((tx) => work(tx.workspace(workspace)))
}

/** Stands for the decision room: a record here is its features' bytes. */
export function createRecords(): {
  add(decisionId: string, features: Float64Array): void
  erase(decisionId: string): void
  ports: {
    loadRecords(db: WorkspaceDb, ids: string[]): Promise<Map<string, Uint8Array>>
    decodeFeatures: LearnerOptions['decodeFeatures']
  }
} {
  const records = new Map<string, Uint8Array>()
  return {
    add: (decisionId, features) => records.set(decisionId, new Uint8Array(features.slice().buffer)),
    erase: (decisionId) => records.delete(decisionId),
    ports: {
      loadRecords: async (_, ids) =>
        new Map(ids.flatMap((id) => (records.has(id) ? [[id, records.get(id)!] as const] : []))),
      decodeFeatures: (record) => ({
        features: new Float64Array(record.slice().buffer),
        featureSchema: 'v1',
      }),
    },
  }
}

/** `count` rewards of campaigns' heads with seeded features and labels, some corrected later. */
export async function addRewards(
  store: Store,
  records: ReturnType<typeof createRecords>,
  options: {
    count: number
    seed: number
    heads?: [campaignId: string, head: string][]
    corrections?: boolean
  },
): Promise<WorkspaceRowOf<'rewards'>[]> {
  const {
    count,
    seed,
    heads = [['spring', 'shoes/email'] as const, ['spring', 'nothing'] as const],
  } = options
  const random = createSeededRandom(seed)
  const rows: WorkspaceRowOf<'rewards'>[] = []
  for (let i = 0; i < count; i += 1) {
    const decisionId = `d${seed}-${i}`
    records.add(decisionId, sparseFeatures(random))
    const [campaignId, head] = heads[i % heads.length]!
    const y = random.next() < 0.2 ? 1 : 0
    const row = rewardRow({ decision_id: decisionId, campaign_id: campaignId, head, y })
    rows.push(row)
    if (options.corrections === true && y === 0 && random.next() < 0.1) {
      rows.push({ ...row, kind: 'correction', y: 1 })
    }
  }
  await write(store, (db) => insertRewards(db, rows))
  return rows
}

export function rewardRow(row: Partial<WorkspaceRowOf<'rewards'>>): WorkspaceRowOf<'rewards'> {
  return {
    decision_id: 'd',
    campaign_id: 'spring',
    decision_day_utc: 20_000,
    head: 'shoes/email',
    kind: 'reward',
    y: 0,
    created_at: 1,
    ...row,
  }
}

/** 64 features: a constant and 15 others that are not 0. */
export function sparseFeatures(random: { next(): number }): Float64Array {
  const x = new Float64Array(64)
  x[0] = 1
  for (let filled = 1; filled < 16; ) {
    const at = 1 + Math.floor(random.next() * 63)
    if (x[at] !== 0) continue
    x[at] = random.next() * 2 - 1
    filled += 1
  }
  return x
}

export function exposureRow(row: Partial<RowOf<'exposures'>>): RowOf<'exposures'> {
  return {
    workspace,
    decision_id: 'd1',
    campaign_id: 'spring',
    customer_id: 'c1',
    goal_id: 'purchase',
    head: 'shoes/email',
    decision_day_utc: 20_000,
    exposed_at: 1000,
    window_ends_at: 2000,
    settles_at: 2000,
    state: 'open',
    ...row,
  }
}

export async function stateRow(store: Store): Promise<RowOf<'learner_states'> | undefined> {
  return await store.read.workspace(workspace).selectFrom('learner_states').selectAll().executeTakeFirst()
}

export function testLearner(
  store: Store,
  records: ReturnType<typeof createRecords>,
  options: Partial<LearnerOptions> = {},
): ReturnType<typeof createLearner> {
  return createLearner({
    store,
    wallClock: { now: () => 0 },
    onPublished: async () => {},
    ...records.ports,
    ...options,
  })
}

/** Steps until nothing is left; the ids published. */
export async function learnAll(learner: ReturnType<typeof createLearner>): Promise<string[]> {
  const published: string[] = []
  for (;;) {
    const step = await learner.step(workspace)
    if (step.published !== null) published.push(step.published)
    if (step.rewards === 0) return published
  }
}

export function campaignSpec(
  campaignId: string,
  options: {
    treatments?: [treatmentId: string, valueMicros: number, lever?: number][]
    goalId?: string
  } = {},
): CampaignSpec {
  const { treatments = [['shoes/email', 1_000_000]], goalId = 'purchase' } = options
  return {
    campaignId,
    name: campaignId,
    goal: { id: goalId, event: 'Order Completed', windowHours: 72 },
    alsoMeasure: [],
    trigger: { event: 'Product Viewed' },
    treatments: treatments.map(([treatmentId, valueMicros, lever = 1]) => ({
      treatmentId,
      offer: { id: 'shoes', name: 'Shoes', value: valueMicros / 1e6, available: true, facts: {} },
      channel: 'email',
      costMicros: 0,
      valueMicros,
      lever,
      variants: [],
    })),
    policy: { kind: 'inverse-gap' },
    holdout: 0.1,
    frequencyCaps: [],
    expiresAfterMs: 86_400_000,
    features: [],
  }
}
