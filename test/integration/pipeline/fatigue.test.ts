import { afterAll, beforeAll, expect, test } from 'vitest'
import { headKey } from '#contracts/decision.ts'
import { decodeDecision } from '../../../src/decision/record.ts'
import { insertSnapshot, latestSnapshot, snapshotRow } from '../../../src/learning/snapshot-rows.ts'
import { explain, explainWhatIf, replay } from '../../../src/pipeline/explain.ts'
import { touchWorkspace } from '../../../src/pipeline/workspace-context.ts'
import {
  customer,
  day,
  type EngineWorld,
  identify,
  openEngineWorld,
  track,
  workspace,
} from './engine-world.ts'

/** News come as they may; the offer is worth a mail to who is not tired of them. */
const file = `
goals: [{ id: order, event: Order Completed, windowHours: 24 }]
offers: [{ id: news, name: News, value: 1 }, { id: tea, name: Tea, value: 10 }]
templates:
  - { id: hello, channel: email, subject: Hello, text: "Hello {{links.unsubscribe}}" }
guardrails:
  fatigue: { perSend: 0.04, halfLifeDays: 2 }
experiments:
  - id: everybody
    arms:
      - { id: a, share: 0.5, control: true, treatment: news/email }
      - { id: b, share: 0.5, treatment: news/email }
campaigns:
  - id: news
    name: News
    goal: order
    trigger: { event: News Came }
    holdout: 0
    policy: { kind: fixed-split, experiment: everybody }
    treatments: [{ offer: news, channel: email, variants: [{ id: a, template: hello }] }]
  - id: offer
    name: Offer
    goal: order
    trigger: { event: Product Viewed }
    holdout: 0
    treatments: [{ offer: tea, channel: email, cost: 0.01, variants: [{ id: a, template: hello }] }]
`
let world: EngineWorld
beforeAll(async () => {
  world = await openEngineWorld(file)
  await publishHeads()
  await world.take(identify('fresh'), identify('tired'))
  const pieces = ['one', 'two', 'three'].map((id) => track('tired', 'News Came', id))
  await world.take(...pieces)
  await world.decide()
  await world.send()
})
afterAll(() => world.close())

test('in the same minute the rested customer gets the offer, and the tired one nothing', async () => {
  const [fresh, tired] = [await view('fresh', 'now'), await view('tired', 'now')]
  expect(fresh.decoded.choice.kind).toBe('treatment')
  expect(fresh.decoded.candidates[0]).toMatchObject({ fatigue: 0 })
  expect(tired.decoded.choice.kind).toBe('nothing')
  // Three mails of a minute ago, at 4 points each: of 8 points more than unprompted nothing is left.
  expect(tired.decoded.candidates[0]!.fatigue).toBeCloseTo(0.12, 9)
  expect(tired.decoded.candidates[0]!.scoreMicros).toBe(-10_000)
  expect(tired.decoded.candidates[0]!.guardrails).toEqual(fresh.decoded.candidates[0]!.guardrails)
})

test('it stands in the explanation, and the decision replays to the byte', async () => {
  const { decisionId } = await view('tired', 'again')
  const { store } = world.engine.parts
  const explained = await store.snapshot((scope) => explain(scope, workspace, decisionId))
  if (explained.kind !== 'explained') throw new Error(explained.fault.detail)
  expect(explained.explanation.drawn[0]!.score!.fatigue).toBeCloseTo(0.12, 9)
  expect(explained.explanation.runnerUp!.needs.fatigue).toBeCloseTo(0.08 - 0.001, 3)
  const replayed = await store.snapshot((scope) => replay(scope, workspace, decisionId))
  expect(replayed).toMatchObject({ result: { kind: 'equal' } })
})

test('had the customer been rested, the same decision would have been the offer', async () => {
  const { decisionId } = await view('tired', 'what-if')
  const rested = { kind: 'fatigue', campaignId: 'offer', treatmentId: 'tea/email', to: 0 } as const
  const changed = await world.engine.parts.store.snapshot((scope) =>
    explainWhatIf(scope, workspace, decisionId, rested),
  )
  if (changed.kind !== 'explained') throw new Error(changed.fault.detail)
  expect(changed.before.choice.kind).toBe('nothing')
  expect(changed.after.choice.kind).toBe('treatment')
})

test('after some days without a message the tired customer gets the offer too', async () => {
  world.clock.stepTo(world.clock.now() + 4 * day)
  const { decoded } = await view('tired', 'later')
  expect(decoded.choice.kind).toBe('treatment')
  // Two half-lives.
  expect(decoded.candidates[0]!.fatigue).toBeCloseTo(0.03, 9)
  expect(world.errors).toEqual([])
})

test('the setting is a version of the guardrails, in force from the next decision on', async () => {
  // The offer of the test before has just gone out.
  await world.send()
  world.clock.stepTo(world.clock.now() + 2 * day)
  expect((await view('tired', 'on')).decoded.candidates[0]!.fatigue).toBeCloseTo(0.02 + 0.015, 9)
  await world.apply('guardrails: {}')
  expect((await view('tired', 'off')).decoded.candidates[0]!.fatigue).toBe(0)
})

/** What is decided when the customer looks at something. */
async function view(user: string, id: string) {
  await world.take(track(user, 'Product Viewed', `${user}-${id}`))
  await world.decide()
  const found = (await world.rows('decisions')).filter((row) => row.customer_id === customer(user))
  const row = found.find((own) => own.trigger_id === `${user}-${id}`)!
  return { decisionId: row.decision_id, decoded: decodeDecision(row.record) }
}

/** Tea is answered by 10 % and bought unprompted by 2 %; the best is drawn, as good as always. */
async function publishHeads(): Promise<void> {
  const logit = (p: number) => Math.log(p / (1 - p))
  const constant = (p: number) => Float64Array.of(logit(p), ...new Array<number>(63).fill(0))
  await world.engine.parts.store.transaction(async (tx) => {
    const db = tx.workspace(workspace)
    const latest = (await latestSnapshot(db))!
    const row = snapshotRow({
      ...latest,
      parentSequence: latest.sequence,
      heads: new Map([
        [headKey('offer', 'tea/email'), constant(0.1)],
        [headKey('offer', 'nothing'), constant(0.02)],
      ]),
      manifest: { ...latest.manifest, publishedBy: 'promotion', policy: { kind: 'greedy', floor: 1e-6 } },
    })
    await insertSnapshot(db, row)
    await touchWorkspace(tx, workspace)
  })
}
