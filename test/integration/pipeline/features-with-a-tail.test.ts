import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { headKey } from '#contracts/decision.ts'
import { noTail } from '#contracts/feature-schema.ts'
import { builtInFeatureSchemas } from '../../../src/decision/feature-schemas.ts'
import { decodeDecision } from '../../../src/decision/record.ts'
import { loadState } from '../../../src/learning/learner-state.ts'
import { latestSnapshot, loadSnapshot } from '../../../src/learning/snapshot-rows.ts'
import { changeFeatures } from '../../../src/pipeline/change-features.ts'
import { explain, explainWhatIf } from '../../../src/pipeline/explain.ts'
import { type PolicyParts, rollBackPolicy } from '../../../src/pipeline/policy-versions.ts'
import { rehearse } from '../../../src/pipeline/rehearsal/rehearse.ts'
import { replayStored } from '../../../src/pipeline/replay-stored.ts'
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
    fairness: { attributes: [gender] }
    treatments:
      - { offer: tea, channel: email, variants: [{ id: a, template: hello }] }
      - { offer: coffee, channel: email, variants: [{ id: a, template: hello }] }
`
const tea = headKey('welcome', 'tea/email')
const change = { workspace, actor: 'ann' }
const v3 = builtInFeatureSchemas.get('v3')!
let world: EngineWorld
let parts: PolicyParts
let joined = 0

const db = () => parts.store.read.workspace(workspace)
const audits = async (action: string) => (await world.rows('audit')).filter((row) => row.action === action)
const choose = (features: string) => changeFeatures(parts, { ...change, features, reason: 'many shops' })
const inForce = async () => (await latestSnapshot(db()))!

/** Signs up so many; of those who got tea, the ones of Oslo order. */
async function signUp(count: number): Promise<string[]> {
  const before = new Set((await world.rows('decisions')).map((row) => row.decision_id))
  const users = Array.from({ length: count }, () => `u${joined++}`)
  await world.take(
    ...users.flatMap((user, i) => [
      {
        ...identify(user),
        traits: { email: `${user}@example.com`, city: i % 2 ? 'Oslo' : 'Rome', gender: 'f' },
      },
      track(user, 'Signed Up', `s-${user}`),
    ]),
  )
  await world.decide()
  await world.send()
  world.clock.stepTo(world.clock.now() + hour)
  const made = (await world.rows('decisions')).filter((row) => !before.has(row.decision_id))
  const userOf = new Map((await world.rows('identities')).map((row) => [row.customer_id, row.external_id]))
  for (const user of users) userOf.set(customer(user), user)
  const buyers = made.filter(
    (row) => row.treatment_id === 'tea/email' && Number(userOf.get(row.customer_id)!.slice(1)) % 2 === 1,
  )
  await world.take(
    ...buyers.map((row) => track(userOf.get(row.customer_id)!, 'Order Completed', `o-${row.decision_id}`)),
  )
  await world.decide()
  return made.map((row) => row.decision_id)
}

async function learn(): Promise<void> {
  world.clock.stepTo(world.clock.now() + 2 * day)
  await world.engine.drain()
}

beforeAll(async () => {
  world = await openEngineWorld(file, { batchRecordsMax: 500 })
  parts = world.engine.parts
  await signUp(220)
  await learn()
}, 60_000)
afterAll(() => world.close())

test('chosen in one command, the heads and the learner go on; nothing else is decided by yet', async () => {
  const before = await inForce()
  expect(before.featureSchema).toBe('v1')
  expect(await choose('v9')).toMatchObject({ kind: 'refused', fault: { code: 'invalid_request' } })
  expect(await choose('v2')).toMatchObject({ kind: 'refused', fault: { code: 'invalid_request' } })
  const knownBefore = (await loadState(db()))!.state
  // Decided by v1, learned from when v3 is in force.
  const [early] = await signUp(40)
  const result = await choose('v3')
  expect(result.kind).toBe('changed')
  const now = await inForce()
  expect(now.manifest).toMatchObject({
    ...{ publishedBy: 'features', from: before.snapshotId, parent: before.snapshotId },
    ...{ featureSchema: 'v3', featureSchemaHash: v3.hash, tailSlots: 65_536, dimensions: 64 },
  })
  expect([...now.heads]).toEqual([...before.heads])
  expect(now.t).toBe(before.t)
  expect(await choose('v3')).toMatchObject({ kind: 'unchanged', snapshotId: now.snapshotId })
  expect(await audits('policy.features')).toMatchObject([{ actor: 'ann', target: 'v3' }])

  const taken = (await loadState(db()))!.state
  expect(taken).toEqual({ ...knownBefore, featureSchema: 'v3' })
  await learn()
  const after = (await loadState(db()))!.state
  expect(after.rewards).toBe(knownBefore.rewards + 40)
  expect([...after.heads.values()].every(({ tail }) => tail.places.size === 0)).toBe(true)
  expect(decodeDecision((await recordOf(early!))!).tail.slots).toHaveLength(0)
})

test('decisions have a tail, rewards teach it, and decisions go by what it learned', async () => {
  const ids = await signUp(400)
  const decoded = decodeDecision((await recordOf(ids[1]!))!)
  expect(decoded.featureSchema).toBe('v3')
  const slots = [...decoded.tail.slots]
  expect(slots).toContain(v3.tailSlotOf!('event Signed Up within 1 d'))
  expect(slots).not.toContain(v3.tailSlotOf!('trait gender=f'))
  await learn()
  const { tails } = await inForce()
  const own = tails!.get(tea)!
  const weight = (name: string) => own.weights[own.slots.indexOf(v3.tailSlotOf!(name)!)] ?? 0
  expect(weight('trait city=Oslo')).toBeGreaterThan(0.3)
  expect(weight('trait city=Rome')).toBeLessThan(-0.1)
  expect(weight('trait gender=f')).toBe(0)

  const later = await signUp(60)
  const records = await Promise.all(later.map(async (id) => decodeDecision((await recordOf(id))!)))
  const ofCity = (city: string) => {
    const slot = v3.tailSlotOf!(`trait city=${city}`)!
    const all = records.filter(({ tail }) => tail.slots.includes(slot))
    return all.reduce((sum, { candidates }) => sum + candidates[0]!.responseProbability, 0) / all.length
  }
  expect(ofCity('Oslo')).toBeGreaterThan(ofCity('Rome') + 0.1)
})

test('all replay to the byte, and are explained by names', async () => {
  const replayed = await replayStored(parts.store, workspace)
  expect(replayed.faults).toEqual([])
  expect(replayed.identical).toBe(joined)
  const last = (await world.rows('decisions')).reduce((a, b) => (b.decided_at > a.decided_at ? b : a))
  const explained = await explain(parts.store.read, workspace, last.decision_id)
  if (explained.kind === 'refused') throw new Error(explained.fault.detail)
  const names = explained.explanation.features.map(({ name }) => name)
  expect(names.some((name) => /^trait city=(Oslo|Rome)$/.test(name))).toBe(true)
  expect(names.filter((name) => name.startsWith('tail slot'))).toEqual([])
  const ofTea = explained.explanation.drawn.find(({ treatmentId }) => treatmentId === 'tea/email')!
  expect(ofTea.contributions!.features.map(({ name }) => name)).toContain('event Signed Up within 1 d')
  const moved = await explainWhatIf(parts.store.read, workspace, last.decision_id, {
    ...{ kind: 'feature', name: 'trait city=Bergen', value: 1 },
  })
  if (moved.kind === 'refused') throw new Error(moved.fault.detail)
  expect(moved.after.features).toContainEqual({ name: 'trait city=Bergen', value: 1 })
})

test('taken back, decisions are by the dense features; rolled back, the tails are there again', async () => {
  const tailed = await inForce()
  expect((await choose('v1')).kind).toBe('changed')
  const dense = await inForce()
  expect(dense.featureSchema).toBe('v1')
  expect(dense.manifest.tailSlots).toBeUndefined()
  expect(dense.tails!.size).toBe(0)
  expect([...dense.heads]).toEqual([...tailed.heads])
  const [id] = await signUp(1)
  expect(decodeDecision((await recordOf(id!))!)).toMatchObject({ featureSchema: 'v1', tail: noTail })
  const back = await rollBackPolicy(parts, { ...change, to: tailed.snapshotId, reason: 'better with it' })
  if (back.kind === 'refused') throw new Error(back.fault.detail)
  const again = await loadSnapshot(db(), back.snapshotId)
  expect(again).toMatchObject({
    featureSchema: 'v3',
    manifest: { publishedBy: 'rollback', tailSlots: 65_536 },
  })
  expect([...again!.tails!]).toEqual([...tailed.tails!])
  const { state } = (await loadState(db()))!
  expect(state.featureSchema).toBe('v3')
  expect(state.heads.get(tea)!.tail.places.size).toBe(tailed.tails!.get(tea)!.slots.length)
  await signUp(10)
  await learn()
  expect(world.errors).toEqual([])
})

test('history played again makes the same tails, to the byte', async () => {
  const { store, settings } = world.engine.parts
  const result = await rehearse({ store, now: world.clock.now(), settings }, { workspace, days: 60 })
  if (result.kind === 'refused') throw new Error(result.detail)
  expect(result.exact).toMatchObject({ same: joined, different: 0, missing: 0, extra: 0, notReplayable: {} })
})

test('a workspace may choose before its first launch, which goes on from there', async () => {
  const other = await openEngineWorld(file.slice(0, file.indexOf('campaigns:')))
  onTestFinished(() => other.close())
  const own = other.engine.parts
  expect((await changeFeatures(own, { ...change, features: 'v3', reason: '' })).kind).toBe('changed')
  await other.apply(file)
  const snapshot = (await latestSnapshot(own.store.read.workspace(workspace)))!
  expect(snapshot).toMatchObject({ featureSchema: 'v3', boundMicros: 10_000_000, t: 1 })
  expect(snapshot.manifest).toMatchObject({ publishedBy: 'launch', tailSlots: 65_536 })
})

async function recordOf(decisionId: string): Promise<Uint8Array | undefined> {
  return (await world.rows('decisions')).find((row) => row.decision_id === decisionId)?.record
}
