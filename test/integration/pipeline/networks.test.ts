import { expect, test } from 'vitest'
import { shopWorkspace } from '../../../src/cli/demo/shop-installation.ts'
import { openNetwork, requestNetwork } from '../../../src/learning/networks/network-rows.ts'
import { insertSnapshot, latestSnapshot, snapshotRow } from '../../../src/learning/snapshot-rows.ts'
import type { EngineParts } from '../../../src/pipeline/engine-parts.ts'
import {
  buildNetworkCandidate,
  publishNetworkCandidate,
} from '../../../src/pipeline/training/network-candidate.ts'
import { runTraining } from '../../../src/pipeline/training/run-training.ts'
import { scoreCustomers } from '../../../src/pipeline/training/score-customers.ts'
import { createWorkspaceContexts, touchWorkspace } from '../../../src/pipeline/workspace-context.ts'
import { loadScores } from '../../../src/profile/score-rows.ts'
import { playSmallShop } from '../../support/play-small-shop.ts'

function partsOf({ store, clock, wallClock }: EngineParts) {
  return { store, clock, wallClock, contexts: createWorkspaceContexts() }
}

test('a shop’s past trains a network that scores its customers', { timeout: 240_000 }, async () => {
  await playSmallShop({ seed: 5, customers: 500, days: 24 }, async (engine) => {
    const parts = partsOf(engine)
    const { store } = parts
    const db = store.read.workspace(shopWorkspace)
    const request = { kind: 'propensity' as const, horizonDays: 5, seed: 2 }
    const modelId = await store.transaction((tx) =>
      requestNetwork(tx.workspace(shopWorkspace), { request, actor: 'ann', now: 1 }),
    )
    const became = await runTraining(parts, shopWorkspace, { modelId, request })
    expect(became).toBe('ready')
    const network = await openNetwork(db, modelId)
    const conversion = network?.card.heads.find(({ name }) => name === 'conversion')
    expect(conversion!.metrics.auc).toBeGreaterThan(0.55)

    const scored = await scoreCustomers(parts, shopWorkspace)
    expect(scored?.customers).toBeGreaterThan(490)
    const customers = await db
      .selectFrom('customers')
      .selectAll()
      .where('customers.merged_into', 'is', null)
      .execute()
    const { customer_id: id, profile_json } = customers[3]!
    const stored = Object.fromEntries((await loadScores(db, id)).map(({ score, value }) => [score, value]))
    expect(JSON.parse(profile_json).scores).toEqual(stored)
    expect(stored.conversion).toBeGreaterThan(0)
    expect(stored.conversion).toBeLessThan(1)

    const candidate = await buildNetworkCandidate(parts, shopWorkspace, modelId, 3)
    expect(candidate!.state.rewards).toBeGreaterThan(100)
    expect(candidate!.state.skipped).toBe(0)
    const published = await store.transaction((tx) =>
      publishNetworkCandidate(tx, shopWorkspace, candidate!, { from: 'c1', now: 3 }),
    )
    const context = await parts.contexts.load(store.read, shopWorkspace)
    expect(context?.snapshot).toMatchObject({ snapshotId: published, featureSchema: `network:${modelId}` })
    expect(context?.features.dimensions).toBe(49)
    const uplift = { kind: 'uplift' as const, campaign: 'no-such', seed: 1 }
    const other = await store.transaction((tx) =>
      requestNetwork(tx.workspace(shopWorkspace), { request: uplift, actor: 'ann', now: 2 }),
    )
    expect(await runTraining(parts, shopWorkspace, { modelId: other, request: uplift })).toBe('failed')

    const snapshot = await latestSnapshot(db)
    const foreign = snapshotRow({
      ...snapshot!,
      parentSequence: snapshot!.sequence,
      manifest: { ...snapshot!.manifest, featureSchemaHash: 'f'.repeat(64) },
    })
    await store.transaction(async (tx) => {
      await insertSnapshot(tx.workspace(shopWorkspace), foreign)
      await touchWorkspace(tx, shopWorkspace)
    })
    await expect(parts.contexts.load(store.read, shopWorkspace)).rejects.toThrow(
      `snapshot ${foreign.snapshot_id} was made with features network:${modelId} of hash ffffffffffff`,
    )
  })
})
