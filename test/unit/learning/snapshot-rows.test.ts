import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { headKey } from '#contracts/decision.ts'
import type { Store } from '#platform/store/store.ts'
import { decodeWeights, encodeWeights } from '../../../src/learning/snapshot-codec.ts'
import type { ManifestHead } from '../../../src/learning/snapshot-manifest.ts'
import {
  deleteUnusedSnapshots,
  ensureSnapshotFor,
  insertSnapshot,
  latestSnapshot,
  loadSnapshot,
  snapshotRow,
} from '../../../src/learning/snapshot-rows.ts'
import { campaignSpec, openTestStore, workspace, write } from './learning-store.ts'

describe('the weights blob', () => {
  test('property: decodes to what was encoded, and does not depend on the order of the heads', () => {
    const weights = fc
      .array(fc.double(), { minLength: 3, maxLength: 3 })
      .map((values) => Float64Array.from(values))
    const heads = fc.uniqueArray(fc.tuple(fc.string({ unit: 'grapheme' }), weights), {
      selector: ([key]) => key,
    })
    fc.assert(
      fc.property(heads, (entries) => {
        const bytes = encodeWeights({ heads: new Map(entries) }, 3)
        expect(decodeWeights(bytes).heads).toEqual(new Map(entries))
        expect(encodeWeights({ heads: new Map(entries.toReversed()) }, 3)).toEqual(bytes)
      }),
    )
  })

  test('another version, a cut or a longer blob is refused', () => {
    const bytes = encodeWeights({ heads: new Map([['a', Float64Array.of(1)]]) }, 1)
    expect(() => decodeWeights(Uint8Array.from(bytes, (byte, i) => (i === 0 ? 9 : byte)))).toThrow(
      'version 9',
    )
    expect(() => decodeWeights(bytes.slice(0, -1))).toThrow()
    expect(() => decodeWeights(Uint8Array.from([...bytes, 0]))).toThrow('1 bytes left over')
  })
})

describe('at a launch', () => {
  const launch = async (store: Store, ...args: Parameters<typeof campaignSpec>) =>
    await write(store, (db) => ensureSnapshotFor(db, campaignSpec(...args), 5))

  test('the first snapshot: bound by the worthiest treatment, t = 1, no heads; again: nothing', async () => {
    const store = await openTestStore()
    const options: Parameters<typeof campaignSpec>[1] = {
      treatments: [
        ['shoes/email', 9e6],
        ['socks/email', 5e6, 2],
      ],
    }
    expect(await launch(store, 'spring', options)).toBe('s0000000001')
    expect(await launch(store, 'spring', options)).toBeNull()
    expect(await latestSnapshot(store.read.workspace(workspace))).toMatchObject({
      snapshotId: 's0000000001',
      sequence: 1,
      t: 1,
      boundMicros: 10e6,
      featureSchema: 'v1',
      heads: new Map(),
      publishedAt: 5,
      manifest: { publishedBy: 'launch', parent: '', rewards: 0 },
    })
  })

  test('the bound grows and never shrinks; a campaign worth nothing gets one unit', async () => {
    const store = await openTestStore()
    const bound = async () => (await latestSnapshot(store.read.workspace(workspace)))?.boundMicros
    await launch(store, 'free', { treatments: [['shoes/email', 0]] })
    expect(await bound()).toBe(1e6)
    await launch(store, 'dear', { treatments: [['shoes/email', 50e6]] })
    expect(await bound()).toBe(50e6)
    await launch(store, 'cheap', { treatments: [['shoes/email', 2e6]] })
    expect(await bound()).toBe(50e6)
    expect(await launch(store, 'dear', { treatments: [['shoes/email', 2e6]] })).toBeNull()
  })

  test('inherits per treatment from the most rewarded with the same goal, and nothing with it', async () => {
    const store = await openTestStore()
    await publish(store, [
      ['small', 'shoes/email', 300, 1],
      ['large', 'shoes/email', 900, 2],
      ['large', 'nothing', 80, 3],
      ['small', 'nothing', 90, 4],
      ['visits', 'shoes/email', 5000, 5],
      ['visits', 'nothing', 5000, 6],
    ])
    await launch(store, 'new', {
      treatments: [
        ['shoes/email', 1e6],
        ['socks/email', 1e6],
      ],
    })
    const latest = (await latestSnapshot(store.read.workspace(workspace)))!
    expect(latest.t).toBe(8001)
    expect(latest.heads.get(headKey('new', 'shoes/email'))?.[0]).toBe(2)
    expect(latest.heads.get(headKey('new', 'nothing'))?.[0]).toBe(4)
    expect(latest.heads.has(headKey('new', 'socks/email'))).toBe(false)
    expect(latest.manifest.heads.filter((head) => head.campaignId === 'new')).toEqual([
      { campaignId: 'new', head: 'nothing', rewards: 0, meanReward: null, inheritedFrom: 'small' },
      { campaignId: 'new', head: 'shoes/email', rewards: 0, meanReward: null, inheritedFrom: 'large' },
    ])
    expect(await launch(store, 'new', { treatments: [['shoes/email', 1e6]] })).toBeNull()
    // One that only inherited has nothing to give: the next one goes to the source too.
    await launch(store, 'newer')
    const next = (await latestSnapshot(store.read.workspace(workspace)))!
    expect(
      next.manifest.heads.find((head) => head.campaignId === 'newer' && head.head !== 'nothing'),
    ).toMatchObject({
      inheritedFrom: 'large',
    })
  })

  test('with no treatment of its own known, nothing starts optimistic too', async () => {
    const store = await openTestStore()
    await publish(store, [
      ['large', 'shoes/email', 900, 2],
      ['large', 'nothing', 80, 3],
    ])
    await launch(store, 'new', { treatments: [['hats/sms', 1e6]] })
    expect((await latestSnapshot(store.read.workspace(workspace)))?.heads.size).toBe(2)
  })

  test('other features: heads and t begin anew, the bound stays', async () => {
    const store = await openTestStore()
    const v2 = { name: 'v2', dimensions: 60, hash: 'ab' }
    await publish(store, [['large', 'shoes/email', 900, 2]])
    await write(store, (db) => ensureSnapshotFor(db, campaignSpec('new'), 5, v2))
    expect(await latestSnapshot(store.read.workspace(workspace))).toMatchObject({
      featureSchema: 'v2',
      t: 1,
      boundMicros: 3e6,
      heads: new Map(),
      manifest: { featureSchemaHash: 'ab', dimensions: 60 },
    })
    await launch(store, 'newer', { treatments: [['shoes/email', 5e6]] })
    expect(await latestSnapshot(store.read.workspace(workspace))).toMatchObject({
      featureSchema: 'v2',
      manifest: { featureSchemaHash: 'ab', dimensions: 60 },
    })
  })
})

test('a published snapshot cannot be overwritten', async () => {
  const store = await openTestStore()
  await publish(store, [['large', 'shoes/email', 900, 2]])
  const before = await loadSnapshot(store.read.workspace(workspace), 's0000000001')
  const other = snapshotRow({
    parentSequence: 0,
    t: 1,
    boundMicros: 1,
    heads: new Map(),
    manifest: before!.manifest,
    publishedAt: 0,
  })
  expect(await write(store, (db) => insertSnapshot(db, other))).toBe(false)
  expect(await loadSnapshot(store.read.workspace(workspace), 's0000000001')).toEqual(before)
})

test('only snapshots that nobody names are deleted, the newest never', async () => {
  const store = await openTestStore()
  for (let value = 1; value <= 8; value += 1) {
    const spec = campaignSpec('spring', { treatments: [['shoes/email', value * 1e6]] })
    await write(store, (db) => ensureSnapshotFor(db, spec, value))
  }
  await store.transaction((tx) => ensureSnapshotFor(tx.workspace('other'), campaignSpec('spring'), 1))
  const remaining = async () => {
    const rows = await store.read.workspace(workspace).selectFrom('snapshots').select('snapshot_id').execute()
    return rows.map((row) => Number(row.snapshot_id.slice(1))).sort((a, b) => a - b)
  }
  const namedIds = new Set(['s0000000002', 's0000000005'])
  expect(await write(store, (db) => deleteUnusedSnapshots(db, { namedIds, newestKept: 2 }))).toBe(4)
  expect(await remaining()).toEqual([2, 5, 7, 8])
  expect(await write(store, (db) => deleteUnusedSnapshots(db, { namedIds: new Set(), newestKept: 0 }))).toBe(
    3,
  )
  expect(await remaining()).toEqual([8])
  expect(await latestSnapshot(store.read.workspace('other'))).not.toBeNull()
})

/** A snapshot of learned heads, weights `value` throughout; campaign `visits` has another goal. */
async function publish(
  store: Store,
  learned: [campaignId: string, head: string, rewards: number, value: number][],
): Promise<void> {
  const heads = learned.map(([campaignId, head, rewards]): ManifestHead => {
    return { campaignId, head, rewards, meanReward: 0.1, inheritedFrom: '' }
  })
  const campaigns = [...new Set(learned.map(([campaignId]) => campaignId))]
  const row = snapshotRow({
    parentSequence: 0,
    t: 8001,
    boundMicros: 3e6,
    heads: new Map(
      learned.map(([campaignId, head, , value]) => [
        headKey(campaignId, head),
        new Float64Array(64).fill(value),
      ]),
    ),
    manifest: {
      featureSchema: 'v1',
      dimensions: 64,
      publishedBy: 'learner',
      rewards: 8000,
      corrections: 0,
      campaigns: campaigns.map((campaignId) => ({
        campaignId,
        goalId: campaignId === 'visits' ? 'visit' : 'purchase',
      })),
      heads,
    },
    publishedAt: 0,
  })
  expect(await write(store, (db) => insertSnapshot(db, row))).toBe(true)
}
