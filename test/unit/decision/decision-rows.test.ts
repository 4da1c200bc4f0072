import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decide } from '#decision/decide.ts'
import { decisionRowOf, insertDecisions, loadDecision, moveDecisions } from '#decision/decision-rows.ts'
import { decodeDecision } from '#decision/record.ts'
import type { Store } from '#platform/store/store.ts'
import { openTestStore } from '../../support/test-store.ts'
import {
  decidedAt,
  makeCampaign,
  makeInput,
  makeSpec,
  makeTreatment,
  suppressedBy,
  withId,
} from './support.ts'

const arms = [
  { id: 'control', share: 0.5, control: true },
  { id: 'on', share: 0.5, control: false, treatment: 'ten-percent/email' },
]
const input = makeInput([
  makeCampaign(makeSpec('test', [makeTreatment()], arms), { arm: 'on', version: 4 }),
  makeCampaign(makeSpec('other', [makeTreatment(), makeTreatment({ offerId: 'b' })])),
])
input.candidates[2]!.guardrails = suppressedBy('consent')

describe('decision rows', () => {
  let folder: string
  let store: Store
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'starling-decisions-'))
    store = await openTestStore(folder)
  })
  afterAll(async () => {
    await store.close()
    await rm(folder, { recursive: true })
  })

  it('keep a decision with its record, once, for its workspace alone', async () => {
    const decision = decide(input)
    const row = decisionRowOf(input, decision, decidedAt + 5)
    const written = () => store.transaction((tx) => insertDecisions(tx.workspace('shop'), [row]))
    await written()
    await written()
    const loaded = await loadDecision(store.read.workspace('shop'), input.decisionId)
    expect(loaded).toMatchObject({
      outcome: 'treatment',
      campaign_id: 'test',
      campaign_version: 4,
      treatment_id: 'ten-percent/email',
      variant_id: 'plain',
      propensity: 0.5,
      day_utc: Math.floor(decidedAt / 86_400_000),
      snapshot_id: input.snapshot.snapshotId,
    })
    expect(JSON.parse(loaded!.excluded_json)).toEqual({ experiment: 1, consent: 1 })
    expect(Buffer.compare(loaded!.record, decision.record)).toBe(0)
    expect(decodeDecision(loaded!.record).choice).toEqual(decision.choice)
    expect(await loadDecision(store.read.workspace('another'), input.decisionId)).toBeNull()
    expect(await loadDecision(store.read.workspace('shop'), 'unknown')).toBeNull()
  })

  it('move to the customer that the old one was merged into', async () => {
    const given = withId(input, 1)
    const row = decisionRowOf(given, decide(given), decidedAt)
    await store.transaction(async (tx) => {
      await insertDecisions(tx.workspace('shop'), [row])
      await moveDecisions(tx.workspace('shop'), given.customerId, 'into')
    })
    const moved = await loadDecision(store.read.workspace('shop'), given.decisionId)
    expect(moved?.customer_id).toBe('into')
    expect(decodeDecision(moved!.record).customerId).toBe(given.customerId)
  })

  it('say nothing was chosen where nothing was', () => {
    const candidates = input.candidates.map((c) => ({ ...c, missingVariables: ['customer.name'] }))
    const campaigns = [input.campaigns[1]!, input.campaigns[1]!]
    const empty = { ...input, campaigns, candidates }
    const row = decisionRowOf(empty, decide(empty), decidedAt)
    expect(row).toMatchObject({ outcome: 'none-eligible', campaign_id: '', treatment_id: '', propensity: 0 })
    expect(JSON.parse(row.excluded_json)).toEqual({ 'missing-variable': 2, consent: 1 })
  })
})
