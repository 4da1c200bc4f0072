import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { insertRewards } from '../../../src/learning/reward-rows.ts'
import { ensureSnapshotFor } from '../../../src/learning/snapshot-rows.ts'
import {
  addRewards,
  campaignSpec,
  createRecords,
  learnAll,
  openTestStore,
  rewardRow,
  sparseFeatures,
  testLearner,
  workspace,
  write,
} from './learning-store.ts'

const firstDay = 20_000
const dayMs = 86_400_000

test('without the setting the snapshots are those of the release before, to the byte', async () => {
  const [store, records] = [await openTestStore(), createRecords()]
  const random = createSeededRandom(8)
  const decodeFeatures: typeof records.ports.decodeFeatures = (record) => ({
    ...records.ports.decodeFeatures(record),
    variantId: 'short',
  })
  await write(store, (db) => ensureSnapshotFor(db, campaignSpec('spring'), 1))
  await addRewards(store, records, { count: 450, seed: 4, corrections: true })
  await learnAll(testLearner(store, records, { decodeFeatures }))
  // A campaign that inherits, and learns on.
  await write(store, (db) => ensureSnapshotFor(db, campaignSpec('summer'), 2))
  for (let i = 0; i < 250; i += 1) {
    const row = { decision_id: `s${i}`, campaign_id: 'summer', created_at: (firstDay + i) * dayMs }
    records.add(row.decision_id, sparseFeatures(random))
    const rows = [rewardRow({ ...row, y: random.next() < 0.3 ? 1 : 0 })]
    await write(store, (db) => insertRewards(db, rows))
  }
  await learnAll(testLearner(store, records, { decodeFeatures }))
  const snapshots = await store.read
    .workspace(workspace)
    .selectFrom('snapshots')
    .selectAll('snapshots')
    .orderBy('snapshots.sequence')
    .execute()
  expect(snapshots.length).toBe(5)
  const hash = createHash('sha256')
  for (const { t, manifest_json, weights } of snapshots)
    hash.update(`${t}${JSON.stringify(JSON.parse(manifest_json), inOneOrder)}`).update(weights)
  expect(hash.digest('hex')).toBe('2ac6e26e26cb237515b92d2c99220371c16bb02ea7eb70c6b11b2d17b39d177a')
})

/** PostgreSQL keeps an object's keys in an order of its own. */
function inOneOrder(_: string, value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
