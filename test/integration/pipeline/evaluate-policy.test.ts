import { afterAll, beforeAll, expect, test } from 'vitest'
import { shopWorkspace } from '../../../src/cli/demo/shop-installation.ts'
import { decodeDecision } from '../../../src/decision/record.ts'
import type { EngineParts } from '../../../src/pipeline/engine-parts.ts'
import { type EvaluationRequest, evaluatePolicyOnLog } from '../../../src/pipeline/evaluate-policy.ts'
import { playSmallShop } from '../../support/play-small-shop.ts'

const played = Promise.withResolvers<EngineParts>()
const over = Promise.withResolvers<void>()
let parts: EngineParts
let campaignId: string
let playing: Promise<void>

beforeAll(async () => {
  playing = playSmallShop({ seed: 5, customers: 500, days: 25 }, async (own) => {
    played.resolve(own)
    await over.promise
  })
  parts = await played.promise
  const [first] = await db().selectFrom('exposures').select('exposures.campaign_id').limit(1).execute()
  campaignId = first!.campaign_id
}, 120_000)
afterAll(async () => {
  over.resolve()
  await playing
})

const db = () => parts.store.read.workspace(shopWorkspace)
const evaluate = async (request: Partial<EvaluationRequest>) => {
  const now = parts.clock.now()
  const all: EvaluationRequest = {
    campaignId,
    target: 'uniform',
    reward: 'conversions',
    since: 0,
    until: now,
    decisionsMax: 100_000,
    ...request,
  }
  return evaluatePolicyOnLog(parts.store.read, shopWorkspace, all, now)
}

test('always one treatment: weights and rewards are what the rows say, counted another way', async () => {
  const result = await evaluate({ target: 'always:ten-percent/email' })
  if (result.kind === 'refused') throw new Error(result.fault.detail)
  const { report } = result
  const counted = await countedByHand('ten-percent/email')
  expect(report.decisions).toBe(counted.n)
  expect(report.logged?.value).toBeCloseTo(counted.mean, 12)
  // The policy had settled: what it draws of the others says next to nothing.
  expect(report.evaluation).toMatchObject({
    kind: 'refused',
    weights: {
      mean: expect.closeTo(counted.weight, 9),
      effectiveRows: expect.closeTo(counted.effectiveRows, 6),
    },
  })
  expect(report.skipped['not-matured']).toBeGreaterThan(0)
})

test('uniform is judged, or refused with its numbers, never guessed', async () => {
  const result = await evaluate({ target: 'uniform' })
  if (result.kind === 'refused') throw new Error(result.fault.detail)
  expect(result.report.evaluation.weights?.n).toBe(result.report.decisions)
})

test('a snapshot is judged by decisions that it cannot have learned from', async () => {
  const everything = await evaluate({})
  const snapshots = await db().selectFrom('snapshots').select('snapshots.snapshot_id').execute()
  const ids = snapshots.map((row) => row.snapshot_id).sort()
  const middle = ids[Math.floor(ids.length / 2)]!
  const result = await evaluate({ target: `snapshot:${middle}` })
  if (result.kind === 'refused' || everything.kind === 'refused') throw new Error('refused')
  expect(result.report.skipped['before-target']).toBeGreaterThan(0)
  expect(result.report.decisions).toBeLessThan(everything.report.decisions)
  expect(result.report.target).toBe(`snapshot:${middle}`)
})

test('what cannot be asked is refused with its reason', async () => {
  expect(await evaluate({ campaignId: 'none' })).toMatchObject({ fault: { code: 'not_found' } })
  expect(await evaluate({ target: 'snapshot:s9999999999' })).toMatchObject({ fault: { code: 'not_found' } })
  expect(await evaluate({ target: 'always:no/email' })).toMatchObject({ fault: { code: 'invalid_request' } })
  expect(await evaluate({ target: 'best' })).toMatchObject({ fault: { code: 'invalid_request' } })
})

/** From the tables, without the loader: decisions that were seen and whose windows are over. */
async function countedByHand(treatmentId: string) {
  const now = parts.clock.now()
  const exposures = await db().selectFrom('exposures').selectAll('exposures').execute()
  const decisions = await db().selectFrom('decisions').selectAll('decisions').execute()
  const rows = decisions.filter(({ outcome }) => outcome === 'treatment' || outcome === 'nothing')
  let n = 0
  let converted = 0
  let weights = 0
  let squares = 0
  for (const row of rows) {
    const own = exposures.filter((exposure) => exposure.decision_id === row.decision_id)
    if (
      own.length === 0 ||
      own.some((exposure) => exposure.window_ends_at > now || exposure.state === 'open')
    )
      continue
    const y = own.some(({ state }) => state === 'credited' || state === 'corrected') ? 1 : 0
    n += 1
    converted += y
    const { choice, candidates } = decodeDecision(row.record)
    // Not to be had: always this treatment then does nothing.
    const { treatments } = await spec(row.campaign_version)
    const wanted = candidates.find(
      (candidate) =>
        candidate.probability > 0 && treatments[candidate.treatmentIndex]!.treatmentId === treatmentId,
    )
    const isWanted = wanted === undefined ? choice.kind === 'nothing' : row.treatment_id === treatmentId
    const probability = wanted?.probability ?? decodeDecision(row.record).nothingProbability
    if (!isWanted) continue
    weights += 1 / probability
    squares += 1 / probability ** 2
  }
  return { n, mean: converted / n, weight: weights / n, effectiveRows: weights ** 2 / squares }
}

async function spec(version: number): Promise<{ treatments: { treatmentId: string }[] }> {
  const row = await db()
    .selectFrom('campaign_versions')
    .select('campaign_versions.body_json')
    .where('campaign_versions.campaign_id', '=', campaignId)
    .where('campaign_versions.version', '=', version === 0 ? 1 : version)
    .executeTakeFirstOrThrow()
  return JSON.parse(row.body_json)
}
