import { afterAll, beforeAll, expect, test } from 'vitest'
import { formatExplanation } from '../../src/decision/format-explanation.ts'
import { explain } from '../../src/pipeline/explain.ts'
import {
  customer,
  day,
  type EngineWorld,
  identify,
  minute,
  openEngineWorld,
  track,
  workspace,
} from '../integration/pipeline/engine-world.ts'

/**
 * Engaged customers (they came today and often) take up a new feature when a push tells them of it; lapsing
 * ones (a visit a month ago) come back for a discount by e-mail. Everybody has an address in both channels.
 */
const shop = `
goals: [{ id: return, event: Came Back, windowHours: 24 }]
offers:
  - { id: playlists, name: Shared playlists, value: 10 }
  - { id: discount, name: A month at half the price, value: 10, facts: { percent: 50 } }
templates:
  - id: news
    channel: push
    text: "New today, {{customer.firstName}}: {{offer.name}}. Go and try it!"
  - id: miss-you
    channel: email
    subject: "We miss you, {{customer.firstName}}"
    text: "It has been a while. Here is something to come back for: {{offer.name}} ({{offer.percent}} %). {{links.unsubscribe}}"
campaigns:
  - id: retain
    name: Retain
    goal: return
    trigger: { event: Moment }
    holdout: 0
    treatments:
      - { offer: playlists, channel: push, cost: 0.001, variants: [{ id: lively, template: news }] }
      - { offer: discount, channel: email, cost: 0.001, variants: [{ id: warm, template: miss-you }] }
`

let world: EngineWorld
beforeAll(async () => {
  world = await openEngineWorld(shop)
  for (let round = 0; round < rounds; round += 1) await playRound(round)
}, 120_000)
afterAll(() => world.close())

const rounds = 8
const perRound = 100

test('in the same minute an engaged customer gets a feature by push and a lapsing one a discount by e-mail', async () => {
  const pairs = Array.from({ length: 12 }, (_, i) => [`engaged-${i}`, `lapsing-${i}`] as const)
  await arrive(
    pairs.map(([engaged]) => engaged),
    pairs.map(([, lapsing]) => lapsing),
  )
  await world.send()
  const got = await Promise.all(pairs.flat().map(async (user) => [user, await traceOf(user)] as const))
  const chosen = new Map(got.map(([user, trace]) => [user, trace.treatmentId]))
  const engaged = pairs.filter(([user]) => chosen.get(user) === 'playlists/push')
  const lapsing = pairs.filter(([, user]) => chosen.get(user) === 'discount/email')
  // The floor and the exploration leave a few to chance.
  expect(engaged.length).toBeGreaterThanOrEqual(10)
  expect(lapsing.length).toBeGreaterThanOrEqual(10)

  const both = pairs.find(
    ([a, b]) => chosen.get(a) === 'playlists/push' && chosen.get(b) === 'discount/email',
  )!
  const [first, second] = [await traceOf(both[0]), await traceOf(both[1])]
  expect(Math.abs(first.decidedAt - second.decidedAt)).toBeLessThan(minute)
  expect(first.copy).toMatchObject({
    channel: 'push',
    opening: 'New today, Ada: Shared playlists. Go and try it!',
  })
  expect(second.copy).toMatchObject({ channel: 'email', subject: 'We miss you, Ada' })
  expect(second.copy.opening).toContain('something to come back for: A month at half the price (50 %)')
  // One trace: who was eligible, what each was worth, who was chosen, in which words.
  for (const trace of [first, second]) {
    expect(trace.funnel).toEqual({ candidates: 2, excluded: 0, drawn: 2, chosen: 1 })
    expect(trace.text).toMatch(/score \S+ = max\(0, \S+ − 0 − \S+\) × 10 × 1 − 0\.001/)
    expect(trace.text).toMatch(/retain playlists\/push: .*events \(log\) \+/)
  }
  expect(first.scores['playlists/push']).toBeGreaterThan(first.scores['discount/email']!)
  expect(second.scores['discount/email']).toBeGreaterThan(second.scores['playlists/push']!)
  expect(world.errors).toEqual([])
})

/** A hundred of each kind come by; who got what suits them comes back, and the others seldom do. */
async function playRound(round: number): Promise<void> {
  const engaged = Array.from({ length: perRound }, (_, i) => `e-${round}-${i}`)
  const lapsing = Array.from({ length: perRound }, (_, i) => `l-${round}-${i}`)
  await arrive(engaged, lapsing)
  await world.send()
  const treatments = new Map((await world.rows('messages')).map((row) => [row.customer_id, row.treatment_id]))
  const back = [...engaged, ...lapsing].filter((user, i) => {
    const treatment = treatments.get(customer(user))
    const suits = treatment === (user.startsWith('e') ? 'playlists/push' : 'discount/email')
    return treatment !== undefined && i % 10 < (suits ? 6 : 1)
  })
  world.clock.stepTo(world.clock.now() + minute)
  await world.take(...back.map((user) => track(user, 'Came Back', `b-${user}`)))
  await world.decide()
  world.clock.stepTo(world.clock.now() + 2 * day)
  await world.engine.drain()
}

/** Their histories, then the moment in which something may be said to them. */
async function arrive(engaged: string[], lapsing: string[]): Promise<void> {
  const now = world.clock.now()
  const at = (before: number) => ({ timestamp: new Date(now - before).toISOString() })
  const everybody = [...engaged, ...lapsing]
  const introduce = (user: string, before: number) =>
    identify(user, { firstName: 'Ada', deviceToken: `token-${user}` }, at(before))
  await world.take(...engaged.map((user) => introduce(user, 30 * minute)))
  await world.take(...lapsing.map((user) => introduce(user, 40 * day)))
  const visits = engaged.flatMap((user) =>
    Array.from({ length: 12 }, (_, i) => track(user, 'Page Seen', `v-${user}-${i}`, at((i + 1) * minute))),
  )
  await world.take(...visits)
  await world.take(...lapsing.map((user) => track(user, 'Page Seen', `v-${user}`, at(35 * day))))
  await world.take(...everybody.map((user) => track(user, 'Moment', `m-${user}`)))
  await world.decide()
}

async function traceOf(user: string) {
  const rows = (await world.rows('decisions')).filter((row) => row.customer_id === customer(user))
  const { store } = world.engine.parts
  const found = await store.snapshot((scope) => explain(scope, workspace, rows[0]!.decision_id))
  if (found.kind === 'refused') throw new Error(found.fault.detail)
  const { explanation, copies } = found
  return {
    decidedAt: explanation.decidedAt,
    funnel: explanation.funnel,
    treatmentId: explanation.drawn.find(({ isChosen }) => isChosen)?.treatmentId ?? 'nothing',
    scores: Object.fromEntries(explanation.drawn.map((one) => [one.treatmentId, one.score!.score])),
    text: formatExplanation(explanation, 'EUR'),
    copy: copies[0]!,
  }
}
