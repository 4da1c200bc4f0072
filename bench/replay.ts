import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { SingleBar } from 'cli-progress'
import { headKey, nothingHead, type TailWeights } from '#contracts/decision.ts'
import type { Random } from '#contracts/random.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { openStore } from '#platform/store/open-store.ts'
import type { Store } from '#platform/store/store.ts'
import { loadCampaignVersion } from '../src/campaign/campaign-rows.ts'
import { shopCampaignId, shopWorkspace } from '../src/cli/demo/shop-installation.ts'
import { builtInFeatureSchemas } from '../src/decision/feature-schemas.ts'
import { insertSnapshot, latestSnapshot, schemaFieldsOf, snapshotRow } from '../src/learning/snapshot-rows.ts'
import { replayStored } from '../src/pipeline/replay-stored.ts'
import { touchWorkspace } from '../src/pipeline/workspace-context.ts'
import { fillFolder, openFreshWorker } from './scale/fresh-worker.ts'

/**
 * 100,000 decisions that the worker made and stored, under ten snapshots with weights of their own, half of them
 * with hashed tails, decided once more from their records: every byte must be the same. Then a snapshot is taken away, and its decisions must be
 * refused by its name. The baseline is making and storing them.
 */
const decisions = 100_000
const snapshots = 10
const customers = 20_000

const folder = mkdtempSync(join(process.env.STARLING_BENCH_DIR ?? process.cwd(), '.bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
process.on('SIGINT', () => process.exit(130))
process.on('SIGTERM', () => process.exit(143))

const dataDir = join(folder, 'shop')
await fillFolder(dataDir, customers)
// What fills a store for `bench -- scale` has the size of records and no more.
await withStore((store) =>
  store.transaction(async (tx) => void (await tx.workspace(shopWorkspace).deleteFrom('decisions').execute())),
)
const bar = new SingleBar({ format: '{what} {bar} {value}/{total}' })
bar.start(decisions * 2, 0, { what: 'deciding' })
let madeMs = 0
const worker = await openFreshWorker(dataDir, customers)
for (let round = 0; round < snapshots; round += 1) {
  for (let part = 0; part < 10; part += 1) {
    madeMs += await worker.round(decisions / snapshots / 10)
    bar.update((round * 10 + part + 1) * (decisions / snapshots / 10))
  }
  await withStore((store) => publish(store, round))
}
await worker.close()
await withStore(async (store) => {
  const startedAt = performance.now()
  const all = await replayStored(store, shopWorkspace, (replayed) => {
    bar.update(decisions + replayed, { what: 'replaying' })
  })
  const replayMs = performance.now() - startedAt
  bar.stop()
  // The last one published has made no decision.
  const gone = (await latestSnapshot(store.read.workspace(shopWorkspace)))!.manifest.parent
  await store.transaction(async (tx) => {
    const db = tx.workspace(shopWorkspace)
    await db.deleteFrom('snapshots').where('snapshots.snapshot_id', '=', gone).execute()
  })
  const without = await replayStored(store, shopWorkspace)
  const refused = without.faults.filter(({ detail }) => detail.includes(gone)).length
  const value = Math.round((all.identical / replayMs) * 1_000)
  const baseline = Math.round((decisions / madeMs) * 1_000)
  console.log(
    JSON.stringify({
      bench: 'replay',
      value,
      baseline,
      ratio: Math.round((1_000 * value) / baseline) / 1_000,
      baseline_is: 'decisions a second made and stored by the worker; the value is replays a second',
      identical: all.identical,
      faults: all.faults.length,
      missing_snapshot: gone,
      refused_by_its_name: refused,
      identical_without_it: without.identical,
    }),
  )
  const isComplete = all.identical === decisions && all.faults.length === 0
  const isRefused = refused > 0 && refused === without.faults.length
  process.exitCode = isComplete && isRefused && without.identical + refused === decisions ? 0 : 1
})

async function withStore(work: (store: Store) => Promise<void>): Promise<void> {
  const store = await openStore({ file: join(dataDir, 'store.db') })
  await work(store)
  await store.close()
}

/** Other weights for every head of the shop's campaign. */
async function publish(store: Store, round: number): Promise<void> {
  const random = createSeededRandom(round + 1, 5)
  await store.transaction(async (tx) => {
    const db = tx.workspace(shopWorkspace)
    const latest = (await latestSnapshot(db))!
    const { sequence, boundMicros, manifest } = latest
    const heads = new Map<string, Float64Array>()
    for (const name of await headNames(db)) {
      const weights = Float64Array.from({ length: manifest.dimensions }, () => random.next() - 0.6)
      heads.set(headKey(shopCampaignId, name), weights)
    }
    // Every other one with hashed features, and tails that know some of them.
    const schema = builtInFeatureSchemas.get(round % 2 === 0 ? 'v3' : 'v1')!
    const tails = new Map(schema.decidesByTail ? [...heads.keys()].map((key) => [key, tailOf(random)]) : [])
    const weights = { heads, tails, covariances: new Map(), variants: new Map(), sendTimes: new Map() }
    const next = { ...weights, parentSequence: sequence, t: 1 + 5_000 * round, boundMicros, publishedAt: 1 }
    const { featureSchema: _, featureSchemaHash: __, tailSlots: ___, ...rest } = manifest
    await insertSnapshot(db, snapshotRow({ ...next, manifest: { ...rest, ...schemaFieldsOf(schema) } }))
    await touchWorkspace(tx, shopWorkspace)
  })

  /** A quarter of all slots. */
  function tailOf(random: Random): TailWeights {
    const slots = Uint32Array.from({ length: 16_384 }, (_, i) => 4 * i + (i % 4))
    return { slots, weights: Float64Array.from(slots, () => Math.fround(random.next() - 0.5)) }
  }

  async function headNames(db: Parameters<typeof loadCampaignVersion>[0]): Promise<string[]> {
    const rows = await db.selectFrom('campaign_versions').select('campaign_versions.version').execute()
    const version = Math.max(...rows.map((row) => row.version))
    const campaign = await loadCampaignVersion(db, shopCampaignId, version)
    return [nothingHead, ...campaign!.spec.treatments.map(({ treatmentId }) => treatmentId)]
  }
}
