import { afterAll, beforeAll, expect, test } from 'vitest'
import { builtInFeatureSchemas } from '../../../src/decision/feature-schemas.ts'
import { featureSchemaV1, traitSlotOf } from '../../../src/decision/features.ts'
import { decodeDecision } from '../../../src/decision/record.ts'
import { loadState } from '../../../src/learning/learner-state.ts'
import type { ModelCard } from '../../../src/learning/networks/model-card.ts'
import { encodeNetwork } from '../../../src/learning/networks/network-format.ts'
import { finishNetwork, requestNetwork } from '../../../src/learning/networks/network-rows.ts'
import type { NetworkShape, NetworkWeights } from '../../../src/learning/networks/network-shape.ts'
import { latestSnapshot } from '../../../src/learning/snapshot-rows.ts'
import { changeFeatures } from '../../../src/pipeline/change-features.ts'
import { explain, replay } from '../../../src/pipeline/explain.ts'
import {
  type PolicyParts,
  promotePolicy,
  proposePolicy,
  rollBackPolicy,
} from '../../../src/pipeline/policy-versions.ts'
import { rehearse } from '../../../src/pipeline/rehearsal/rehearse.ts'
import { buildProposed, proposeNetwork } from '../../../src/pipeline/training/propose-network.ts'
import {
  customer,
  day,
  type EngineWorld,
  hour,
  identify,
  openEngineWorld,
  track,
  workspace,
} from './engine-world.ts'

/**
 * Tea is for customers of whom exactly one of two traits is "yes", coffee for the others: no linear head over
 * the traits can tell, a head over a network that has learned it can.
 */
const file = `
goals: [{ id: order, event: Order Completed, windowHours: 24 }]
offers: [{ id: tea, name: Tea, value: 10 }, { id: coffee, name: Coffee, value: 10 }]
templates:
  - { id: hello, channel: email, subject: Hello, text: "Hello {{links.unsubscribe}}" }
campaigns:
  - id: welcome
    name: Welcome
    goal: order
    trigger: { event: Signed Up }
    holdout: 0
    features: [team, vip]
    treatments:
      - { offer: tea, channel: email, variants: [{ id: a, template: hello }] }
      - { offer: coffee, channel: email, variants: [{ id: a, template: hello }] }
`
let world: EngineWorld
let parts: PolicyParts
let candidateId: string
let usualId: string
const modelId = 'propensity-1'
const schema = `network:${modelId}`
const change = { workspace, actor: 'ann' }
const db = () => parts.store.read.workspace(workspace)
const asked = { from: 'latest', policy: null, heads: [], note: '' }
const traitsOf = (i: number) => ({ team: i % 2 === 0 ? 'yes' : 'no', vip: i % 4 < 2 ? 'yes' : 'no' })
const likesTea = (i: number) => traitsOf(i).team !== traitsOf(i).vip

/** Signs up so many and lets their windows end: 8 in 10 buy after what they like, nobody otherwise. */
async function wave(name: string, count: number): Promise<void> {
  const from = world.clock.now()
  const users = Array.from({ length: count }, (_, i) => `${name}${i}`)
  for (let at = 0; at < count; at += 500) {
    const some = users.slice(at, at + 500).flatMap((user, i) => {
      const signUp = track(user, 'Signed Up', `s-${user}`)
      return [identify(user, traitsOf(at + i)), signUp]
    })
    await world.take(...some)
    await world.decide()
  }
  await world.send()
  world.clock.stepTo(from + hour)
  const treatments = new Map(
    (await world.rows('decisions')).map((row) => [row.customer_id, row.treatment_id] as const),
  )
  const buyers = users.filter((user, i) => {
    const treatment = treatments.get(customer(user))
    const liked = treatment === (likesTea(i) ? 'tea/email' : 'coffee/email')
    return liked && (i >> 2) % 10 < 8
  })
  for (let at = 0; at < buyers.length; at += 500) {
    await world.take(...buyers.slice(at, at + 500).map((user) => track(user, 'Order Completed', `o-${user}`)))
    await world.decide()
  }
  world.clock.stepTo(from + 3 * day)
  await world.engine.drain()
}

/** Unit 0 of the bottleneck is high where exactly one of the two is "yes", low otherwise. */
async function installNetwork(): Promise<void> {
  const { hash, dimensions } = builtInFeatureSchemas.get(featureSchemaV1)!
  const shape: NetworkShape = { inputs: dimensions, hidden: 3, bottleneck: 2, heads: ['conversion'] }
  const hidden = new Float32Array(dimensions * 3)
  for (const [place, trait] of ['team', 'vip'].entries()) {
    const slot = traitSlotOf(trait, 'yes')
    hidden[slot * 3 + place] = 1
    hidden[slot * 3 + 2] = 1
  }
  const weights: NetworkWeights = {
    layers: [
      { kernel: hidden, bias: Float32Array.of(0, 0, -1) },
      { kernel: Float32Array.of(2, 0, 2, 0, -4, 0.5), bias: Float32Array.of(-1, 0) },
      { kernel: Float32Array.of(1, 0), bias: Float32Array.of(0) },
    ],
  }
  const metadata = {
    modelId,
    shape,
    featureSchema: featureSchemaV1,
    featureSchemaHash: hash,
    traits: ['team', 'vip'],
  }
  const files = await encodeNetwork(metadata, weights)
  const request = { kind: 'propensity' as const, horizonDays: 5, seed: 2 }
  await parts.store.transaction(async (tx) => {
    const own = tx.workspace(workspace)
    await requestNetwork(own, { request, actor: 'ann', now: 1 })
    await finishNetwork(own, { modelId } as ModelCard, files, 2)
  })
}

beforeAll(async () => {
  world = await openEngineWorld(file, { batchRecordsMax: 500 })
  parts = world.engine.parts
  // Half of all draws are even: there is something to judge others by.
  const policy = { kind: 'greedy' as const, floor: 0.5 }
  const even = await proposePolicy(parts, { ...change, ...asked, policy, seed: null })
  if (even.kind === 'refused') throw new Error(even.fault.detail)
  await promotePolicy(parts, { ...change, candidateId: even.candidate.candidateId, override: 'to explore' })
  const tailed = await changeFeatures(parts, { ...change, features: 'v3', reason: '' })
  if (tailed.kind === 'refused') throw new Error(tailed.fault.detail)
  await wave('first', 600)
  // Too few for a snapshot of their own: decided by the newest one, and taught to the candidate.
  await wave('between', 20)
  await installNetwork()
}, 120_000)
afterAll(() => world.close())

test('a policy over a network is proposed, taught every reward so far, and waits for evidence', async () => {
  expect(await proposeNetwork(parts, { ...change, ...asked, network: 'no-such' })).toMatchObject({
    fault: { code: 'not_found', field: 'network' },
  })
  const proposed = await proposeNetwork(parts, { ...change, ...asked, network: modelId })
  if (proposed.kind === 'refused') throw new Error(proposed.fault.detail)
  candidateId = proposed.candidate.candidateId
  expect(proposed.candidate).toMatchObject({ state: 'building', changes: 'network' })
  expect(await promotePolicy(parts, { ...change, candidateId, override: null })).toMatchObject({
    fault: { code: 'conflict', detail: `${candidateId} is being built still` },
  })
  expect(await buildProposed(parts, workspace, candidateId)).toBe('proposed')
  expect(await buildProposed(parts, workspace, candidateId)).toBe('settled')
  const [row] = (await world.rows('policy_candidates')).filter((own) => own.candidate_id === candidateId)
  const manifest = JSON.parse(row!.manifest_json)
  expect(manifest).toMatchObject({ featureSchema: schema, dimensions: 3 })
  const learned = await loadState(db())
  expect(manifest.rewards).toBe(learned!.state.rewards)
  // All the decisions so far may have taught it: none is left to judge by.
  const refused = await promotePolicy(parts, { ...change, candidateId, override: null })
  expect(refused).toMatchObject({ fault: { code: 'gate_refused' }, verdict: { passed: false } })
  expect(refused.kind === 'refused' && refused.verdict?.campaigns[0]).toMatchObject({ decisions: 0 })
})

test('once later decisions speak for it, it goes live through the gate and decides', async () => {
  await wave('second', 2_600)
  const before = await latestSnapshot(db())
  usualId = before!.snapshotId
  const result = await promotePolicy(parts, { ...change, candidateId, override: null })
  if (result.kind === 'refused') throw new Error(result.fault.detail)
  const [campaign] = result.verdict.campaigns
  expect(campaign!.decisions).toBe(2_600)
  expect(campaign!.figures!.weights.effectiveRows).toBeGreaterThan(1_000)
  expect(campaign!.figures!.difference!.interval.lower).toBeGreaterThan(0)
  const live = await latestSnapshot(db())
  expect(live).toMatchObject({
    snapshotId: result.snapshotId,
    featureSchema: schema,
    manifest: { publishedBy: 'promotion', from: candidateId, parent: usualId },
  })
  const [audited] = (await world.rows('audit')).filter((row) => row.action === 'policy.promote')
  expect(JSON.parse(audited!.detail_json)).toMatchObject({
    note: 'passed the promotion gate',
    verdict: { passed: true },
  })
  // The learner goes on from all rewards, not from those of the proposal.
  const learned = await loadState(db())
  expect(learned!.state.featureSchema).toBe(schema)
  expect(learned!.state.rewards).toBeGreaterThan(live!.manifest.rewards)
  expect(await world.rows('candidate_states')).toEqual([])

  await world.take(
    ...[0, 1, 2, 3].flatMap((i) => [
      identify(`third${i}`, traitsOf(i)),
      track(`third${i}`, 'Signed Up', `s-third${i}`),
    ]),
  )
  await world.decide()
  for (const i of [0, 1, 2, 3]) {
    const [row] = (await world.rows('decisions')).filter((own) => own.customer_id === customer(`third${i}`))
    const decoded = decodeDecision(row!.record)
    expect(decoded).toMatchObject({ featureSchema: schema, snapshotId: live!.snapshotId })
    expect(decoded.features).toHaveLength(3)
    const [tea, coffee] = decoded.candidates
    expect(tea!.responseProbability > coffee!.responseProbability).toBe(likesTea(i))
    expect(await replay(parts.store.read, workspace, row!.decision_id)).toMatchObject({
      result: { kind: 'equal' },
    })
    const explained = await explain(parts.store.read, workspace, row!.decision_id)
    if (explained.kind === 'refused') throw new Error(explained.fault.detail)
    const { network, explanation } = explained
    expect(explanation.features.map(({ name }) => name)).toContain('bottleneck unit 0')
    expect(network).toMatchObject({ modelId, missing: null })
    for (const { treatmentId, atRest, features, others } of network!.contributions) {
      const drawn = explanation.drawn.find((own) => own.treatmentId === treatmentId)!
      const { responseProbability: p } = drawn.score!
      const sum = features.reduce((total, { logOdds }) => total + logOdds, atRest + others)
      expect(sum).toBeCloseTo(Math.log(p / (1 - p)), 2)
    }
  }
})

test('what it decided is rehearsed to the byte, and with a file that is to be different', async () => {
  const { store, settings } = world.engine.parts
  const request = { workspace, days: 1 }
  const parts_ = { store, now: world.clock.now(), settings }
  const same = await rehearse(parts_, request)
  expect(same).toMatchObject({ exact: { different: 0, missing: 0 } })
  const text = file.replace('name: Tea, value: 10', 'name: Tea, value: 12')
  const other = await rehearse(parts_, { ...request, wish: { kind: 'file', text } })
  expect(other).toMatchObject({ kind: 'rehearsal', changed: true, rehearsed: { decisions: 4 } })
})

test('one command goes back, and the learner takes up what it knew', async () => {
  const known = await parts.store.read
    .workspace(workspace)
    .selectFrom('learner_archives')
    .selectAll('learner_archives')
    .where('learner_archives.snapshot_id', '=', usualId)
    .execute()
  expect(known).toHaveLength(1)
  const result = await rollBackPolicy(parts, { ...change, to: usualId, reason: 'to see it' })
  if (result.kind === 'refused') throw new Error(result.fault.detail)
  const now = await latestSnapshot(db())
  expect(now).toMatchObject({ featureSchema: 'v3', manifest: { publishedBy: 'rollback' } })
  const learned = await loadState(db())
  expect(learned!.state.featureSchema).toBe('v3')
  expect([...learned!.state.heads.keys()].sort()).toEqual([...now!.heads.keys()].sort())
  await world.take(identify('fourth', traitsOf(0)), track('fourth', 'Signed Up', 's-fourth'))
  await world.decide()
  const [row] = (await world.rows('decisions')).filter((own) => own.customer_id === customer('fourth'))
  expect(decodeDecision(row!.record)).toMatchObject({ featureSchema: 'v3' })
  expect(await replay(parts.store.read, workspace, row!.decision_id)).toMatchObject({
    result: { kind: 'equal' },
  })
  const explained = await explain(parts.store.read, workspace, row!.decision_id)
  expect(explained).toMatchObject({ kind: 'explained', network: null })
})
