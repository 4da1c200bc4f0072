import { afterAll, beforeAll, expect, test } from 'vitest'
import { latestSnapshot, loadSnapshot } from '../../../src/learning/snapshot-rows.ts'
import {
  changePolicySettings,
  type PolicyParts,
  promotePolicy,
  promoteWhatPasses,
  proposePolicy,
  rollBackPolicy,
} from '../../../src/pipeline/policy-versions.ts'
import {
  day,
  type EngineWorld,
  hour,
  identify,
  openEngineWorld,
  start,
  track,
  workspace,
} from './engine-world.ts'

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
    policy: { kind: inverse-gap }
    treatments:
      - { offer: tea, channel: email, variants: [{ id: a, template: hello }] }
      - { offer: coffee, channel: email, variants: [{ id: a, template: hello }] }
`
const customers = 3_500
let world: EngineWorld
let parts: PolicyParts
let good: string
let bad: string

const db = () => parts.store.read.workspace(workspace)
const change = { workspace, actor: 'ann' }
const audits = async (action: string) => (await world.rows('audit')).filter((row) => row.action === action)

/** P = σ(4) for one treatment, and a half for all else. */
const proposal = (treatment: string) => ({
  ...change,
  from: 'latest',
  policy: null,
  seed: 7,
  note: `mostly ${treatment}`,
  heads: [
    {
      campaignId: 'welcome',
      head: treatment,
      weights: [4, ...new Array<number>(63).fill(0)],
      rewards: 500,
      meanReward: 0.9,
    },
  ],
})

async function propose(treatment: string): Promise<string> {
  const result = await proposePolicy(parts, proposal(treatment))
  if (result.kind === 'refused') throw new Error(result.fault.detail)
  return result.candidate.candidateId
}

/** Sign-ups are decided evenly at first; tea brings twice the orders of coffee, and that more than nothing. */
beforeAll(async () => {
  world = await openEngineWorld(file, { batchRecordsMax: 500 })
  parts = world.engine.parts
  good = await propose('tea/email')
  world.clock.stepTo(start + 1)
  bad = await propose('coffee/email')
  const users = Array.from({ length: customers }, (_, i) => `v${i}`)
  for (let from = 0; from < customers; from += 500) {
    const some = users.slice(from, from + 500)
    await world.take(...some.flatMap((user) => [identify(user), track(user, 'Signed Up', `s-${user}`)]))
    await world.decide()
  }
  await world.send()
  world.clock.stepTo(start + hour)
  const decisions = await world.rows('decisions')
  const orders = { 'tea/email': 4, 'coffee/email': 2, '': 1 }
  const buyers = decisions.flatMap(({ customer_id: id, treatment_id: treatment }, i) =>
    i % 10 < orders[treatment as keyof typeof orders] ? [id] : [],
  )
  const userOf = new Map((await world.rows('identities')).map((row) => [row.customer_id, row.external_id]))
  const { customer } = await import('./engine-world.ts')
  for (const user of users) userOf.set(customer(user), user)
  const events = buyers.map((id) => track(userOf.get(id)!, 'Order Completed', `o-${id}`))
  for (let from = 0; from < events.length; from += 500) {
    await world.take(...events.slice(from, from + 500))
    await world.decide()
  }
  world.clock.stepTo(start + 3 * day)
  await world.engine.drain()
}, 120_000)
afterAll(() => world.close())

test('a policy that does what is best goes live through the gate, with its figures in the audit', async () => {
  const before = await latestSnapshot(db())
  const result = await promotePolicy(parts, { ...change, candidateId: good, override: null })
  if (result.kind === 'refused') throw new Error(result.fault.detail)
  const [campaign] = result.verdict.campaigns
  expect(campaign).toMatchObject({
    campaignId: 'welcome',
    decisions: customers,
    figures: { bestConstant: { name: 'tea/email' } },
  })
  expect(campaign!.figures!.weights.effectiveRows).toBeGreaterThan(1_000)
  const published = await loadSnapshot(db(), result.snapshotId)
  expect(published).toMatchObject({
    sequence: before!.sequence + 1,
    manifest: { publishedBy: 'promotion', from: good, parent: before!.snapshotId },
  })
  expect(published!.heads.get('welcome\u0000tea/email')![0]).toBe(4)
  const [row] = await audits('policy.promote')
  expect(row).toMatchObject({ actor: 'ann', target: good })
  expect(JSON.parse(row!.detail_json)).toMatchObject({
    note: 'passed the promotion gate',
    snapshotId: result.snapshotId,
    verdict: { passed: true },
  })
  expect(await promotePolicy(parts, { ...change, candidateId: good, override: null })).toMatchObject({
    fault: { code: 'conflict' },
  })
})

test('the next decisions are by the new version, and the learner goes on from it', async () => {
  const promoted = await latestSnapshot(db())
  const replaced = await loadSnapshot(db(), promoted!.manifest.parent)
  const teaBefore = replaced!.heads.get('welcome\u0000tea/email')![0]!
  const users = Array.from({ length: 300 }, (_, i) => `later${i}`)
  await world.take(...users.flatMap((user) => [identify(user), track(user, 'Signed Up', `s-${user}`)]))
  await world.decide()
  const later = (await world.rows('decisions')).filter((row) => row.decided_at === world.clock.now())
  expect(later).toHaveLength(300)
  expect(new Set(later.map((row) => row.snapshot_id))).toEqual(new Set([promoted!.snapshotId]))
  // .98 × (1 − 2 of 1/(3 + 482)) and the floor.
  expect(later.filter((row) => row.treatment_id === 'tea/email').length).toBeGreaterThan(280)
  await world.send()
  world.clock.stepTo(start + 5 * day)
  await world.engine.drain()
  const learned = await latestSnapshot(db())
  expect(learned!.manifest.publishedBy).toBe('learner')
  expect(learned!.sequence).toBeGreaterThan(promoted!.sequence)
  const tea = learned!.heads.get('welcome\u0000tea/email')![0]!
  // 300 times no order: down from 4, and not to where the learner stood before.
  expect(tea).toBeLessThan(4)
  expect(tea).toBeGreaterThan(teaBefore + 0.2)
})

test('a policy that loses is refused; a named person lets it live, and the audit says who and why', async () => {
  const refused = await promotePolicy(parts, { ...change, candidateId: bad, override: null })
  expect(refused).toMatchObject({
    kind: 'refused',
    fault: { code: 'gate_refused' },
    verdict: { passed: false },
  })
  expect(refused.kind === 'refused' && refused.fault.detail).toMatch(/always "tea\/email"/)
  expect(await audits('policy.override')).toEqual([])
  const override = 'coffee is what we have in stock'
  const result = await promotePolicy(parts, { ...change, actor: 'bea', candidateId: bad, override })
  expect(result).toMatchObject({ kind: 'promoted', override })
  const [row] = await audits('policy.override')
  expect(row).toMatchObject({ actor: 'bea', target: bad })
  expect(JSON.parse(row!.detail_json)).toMatchObject({ note: override, verdict: { passed: false } })
})

test('one command goes back: the older content under a new version, in force for the next decision', async () => {
  const before = await latestSnapshot(db())
  const result = await rollBackPolicy(parts, { ...change, to: 'previous', reason: 'coffee lost' })
  if (result.kind === 'refused') throw new Error(result.fault.detail)
  const now = await loadSnapshot(db(), result.snapshotId)
  const older = await loadSnapshot(db(), before!.manifest.parent)
  expect(now!.manifest).toMatchObject({
    publishedBy: 'rollback',
    parent: before!.snapshotId,
    from: older!.snapshotId,
  })
  expect([...now!.heads]).toEqual([...older!.heads])
  expect(now!.t).toBe(older!.t)
  await world.take(identify('last'), track('last', 'Signed Up', 's-last'))
  await world.decide()
  const own = (await world.rows('decisions')).filter((row) => row.snapshot_id === result.snapshotId)
  expect(own).toHaveLength(1)
  expect(await audits('policy.rollback')).toMatchObject([{ actor: 'ann', target: older!.snapshotId }])
  // Nothing new to learn: the learner does not publish what was rolled back again.
  await world.engine.drain()
  expect((await latestSnapshot(db()))!.snapshotId).toBe(result.snapshotId)
  expect(await rollBackPolicy(parts, { ...change, to: result.snapshotId, reason: 'no' })).toMatchObject({
    fault: { code: 'not_found' },
  })
})

test('the strategist promotes only where the workspace allows it, and only what passes', async () => {
  const proposed = await proposePolicy(parts, proposal('tea/email'))
  expect(proposed.kind).toBe('proposed')
  expect(await promoteWhatPasses(parts, workspace)).toEqual([])
  await changePolicySettings(parts, { ...change, patch: { automatic: true } })
  // Proposed just now: no decision can judge it yet.
  expect(await promoteWhatPasses(parts, workspace)).toEqual([])
  const rows = await world.rows('policy_candidates')
  const judged = rows.find((row) => row.state === 'proposed')!
  expect(judged.judged_at).toBe(world.clock.now())
  expect(JSON.parse(judged.verdict_json)).toMatchObject({ passed: false })
})

test('another way of drawing goes over what is learned by now, and the learner keeps its state', async () => {
  const before = await latestSnapshot(db())
  const states = await world.rows('learner_states')
  const policy = { kind: 'thompson' as const, floor: 0.1 }
  const asked = { ...change, from: 'latest', policy, heads: [], seed: null, note: '' }
  const proposed = await proposePolicy(parts, asked)
  if (proposed.kind === 'refused') throw new Error(proposed.fault.detail)
  expect(proposed.candidate.changes).toBe('policy')
  const { candidateId } = proposed.candidate
  const result = await promotePolicy(parts, { ...change, candidateId, override: 'to see it' })
  if (result.kind === 'refused') throw new Error(result.fault.detail)
  const now = await latestSnapshot(db())
  expect(now).toMatchObject({
    snapshotId: result.snapshotId,
    policy,
    manifest: { policy, from: candidateId },
  })
  expect([...now!.heads]).toEqual([...before!.heads])
  expect([...now!.covariances!.keys()]).toEqual([...before!.heads.keys()])
  expect(await world.rows('learner_states')).toEqual(states)
})

test('what does not fit is refused before it is stored', async () => {
  const wrong = { ...proposal('tea/email'), heads: [{ ...proposal('tea/email').heads[0]!, weights: [1] }] }
  expect(await proposePolicy(parts, wrong)).toMatchObject({
    fault: { code: 'invalid_request', field: 'heads' },
  })
  expect(await proposePolicy(parts, { ...proposal('tea/email'), from: 's9999999999' })).toMatchObject({
    fault: { code: 'not_found' },
  })
})
