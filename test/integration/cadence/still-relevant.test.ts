import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { saveItemPatches } from '../../../src/pipeline/change-items.ts'
import { moveCampaign } from '../../../src/pipeline/change-workspace.ts'
import {
  differencesIn,
  type EngineWorld,
  identify,
  minute,
  openEngineOn,
  track,
  workspace,
} from '../pipeline/engine-world.ts'

/**
 * Everything that can come between a decision and its claim, in every order: the worker decides, the sender
 * claims, somebody changes the world. What must come of it is worked out from the order alone.
 */
const single = ({ text = 'Tea?', available = true } = {}): string => `
goals: [{ id: order, event: Order Completed, windowHours: 480 }]
offers: [{ id: tea, name: Tea, value: 10, available: ${available}, item: { id: tea-1 } }]
templates: [{ id: hello, channel: email, subject: Hello, text: "${text} {{links.unsubscribe}}" }]
experiments: [{ id: all, arms: [{ id: a, share: 1, control: true, treatment: tea/email }, { id: b, share: 0, treatment: tea/email }] }]
campaigns:
  - id: single
    name: Single
    goal: order
    trigger: { event: Cart Left }
    holdout: 0
    policy: { kind: fixed-split, experiment: all }
    treatments: [{ offer: tea, channel: email, variants: [{ id: a, template: hello }] }]
`

/** Four offers, so that a touch seldom chooses nothing. */
const steps = ({ text = 'Tea?', inside = 'finish' } = {}): string => `
goals: [{ id: order, event: Order Completed, windowHours: 480 }]
offers:
  - { id: cake, name: Cake, value: 10 }
  - { id: milk, name: Milk, value: 10 }
  - { id: jam, name: Jam, value: 10 }
  - { id: egg, name: Egg, value: 10 }
templates: [{ id: hi, channel: email, subject: Hi, text: "${text} {{links.unsubscribe}}" }]
campaigns:
  - id: steps
    name: Steps
    goal: order
    trigger: { event: Joined }
    holdout: 0
    exit: { on: [{ event: Goodbye }] }
    inside: ${inside}
    steps:
      - id: hello
        touch:
          treatments:
            - { offer: cake, channel: email, variants: [{ id: a, template: hi }] }
            - { offer: milk, channel: email, variants: [{ id: a, template: hi }] }
            - { offer: jam, channel: email, variants: [{ id: a, template: hi }] }
            - { offer: egg, channel: email, variants: [{ id: a, template: hi }] }
      - { id: rest, wait: { days: 9 } }
      - { id: again, touch: { treatments: [{ offer: cake, channel: email, variants: [{ id: a, template: hi }] }] } }
`

type Operation = 'trigger' | 'claim' | 'on' | 'off'

interface Obstacle {
  name: string
  campaign: 'single' | 'steps'
  /** Put up and taken away. */
  on(user: string): Promise<void>
  off?(user: string): Promise<void>
  /** While it is up, what becomes of a message that a claim takes. */
  claimed: { state: 'queued' | 'lapsed'; reason: string }
  /** Put up before the trigger it counts all the same; `decided`: then there is no message. */
  before: 'counts' | 'no-message' | 'harmless'
  /** What counts is not whether it is up but whether it has been moved since the decision. */
  counts?: 'moves'
}

let world: EngineWorld
beforeAll(async () => {
  world = await openEngineOn(mkdtempSync(join(tmpdir(), 'starling-relevant-')), {
    yaml: single(),
  })
})
beforeAll(() => world.apply(steps()))
afterAll(async () => {
  expect(await differencesIn(world)).toEqual([])
  await world.close()
})

const move = (campaignId: string, action: 'pause' | 'launch') => async () => {
  const change = { workspace, actor: 'ann', campaignId, action, note: '' }
  const moved = await moveCampaign(world.engine.parts, change)
  if (moved.kind === 'refused') throw new Error(moved.fault.detail)
}
/** Applies the file and launches whatever it changes. */
const define = (definition: string) => () => world.apply(definition)
const happens = (event: string) => async (user: string) => {
  await world.take(track(user, event, `${user}-${event}`))
  await world.decide()
}
const setStock = (stock: number) => async () => {
  const { store } = world.engine.parts
  const { clock } = world
  const saved = await saveItemPatches(
    { store, wallClock: clock, clock },
    {
      workspace,
      actor: 'ann',
      patches: [{ id: 'tea-1', patch: { name: 'Tea', stock } }],
    },
  )
  if (saved.refused.length > 0) throw new Error(JSON.stringify(saved.refused))
}

const goalMet = (campaign: Obstacle['campaign']): Obstacle => ({
  name: 'goal met',
  campaign,
  on: happens('Order Completed'),
  claimed: { state: 'lapsed', reason: 'goal-met:goal_met' },
  before: 'harmless',
})

const obstacles: Obstacle[] = [
  goalMet('single'),
  goalMet('steps'),
  {
    name: 'item sold out',
    campaign: 'single',
    on: setStock(0),
    off: setStock(7),
    claimed: { state: 'lapsed', reason: 'in-stock:sold_out' },
    before: 'no-message',
  },
  {
    name: 'campaign paused',
    campaign: 'single',
    on: move('single', 'pause'),
    off: move('single', 'launch'),
    claimed: { state: 'queued', reason: 'campaign-state:campaign_paused' },
    before: 'no-message',
  },
  {
    name: 'offer withdrawn',
    campaign: 'single',
    on: define(single({ available: false })),
    off: define(single()),
    claimed: { state: 'lapsed', reason: 'offer-valid:offer_unavailable' },
    before: 'no-message',
  },
  {
    name: 'words changed',
    campaign: 'single',
    on: define(single({ text: 'Coffee?' })),
    off: define(single()),
    claimed: { state: 'lapsed', reason: 'campaign-changed:campaign_changed' },
    before: 'harmless',
    counts: 'moves',
  },
  {
    name: 'journey left',
    campaign: 'steps',
    on: happens('Goodbye'),
    claimed: { state: 'lapsed', reason: 'journey:journey_left' },
    before: 'harmless',
  },
  {
    name: 'steps changed, those inside leave',
    campaign: 'steps',
    on: define(steps({ text: 'Coffee?', inside: 'leave' })),
    off: define(steps({ inside: 'leave' })),
    claimed: { state: 'lapsed', reason: 'campaign-changed:campaign_changed' },
    before: 'harmless',
    counts: 'moves',
  },
]

/** Every merge of the three sequences that keeps the order of each. */
function merges(sequences: Operation[][]): Operation[][] {
  if (sequences.every((own) => own.length === 0)) return [[]]
  return sequences.flatMap((own, i) =>
    own.length === 0
      ? []
      : merges(sequences.map((each, j) => (i === j ? each.slice(1) : each))).map((rest) => [
          own[0]!,
          ...rest,
        ]),
  )
}

describe.each(obstacles)('$name between decision and claim ($campaign)', (obstacle) => {
  const changes: Operation[] = obstacle.off === undefined ? ['on'] : ['on', 'off']
  const claims: Operation[] = obstacle.claimed.state === 'queued' ? ['claim', 'claim'] : ['claim']

  test('no send while it stands, with the reason, in every order', async () => {
    for (const [n, order] of merges([['trigger'], claims, changes]).entries()) {
      const name = `${obstacle.campaign}-${obstacle.name}-${n}`.replaceAll(/[ ,]/g, '-')
      const user = await introduce(name)
      let isUp = false
      for (const operation of order) {
        // Longer than a paused campaign's message waits.
        world.clock.stepTo(world.clock.now() + 6 * minute)
        if (operation === 'trigger') await trigger(user, obstacle.campaign)
        if (operation === 'claim') await world.send()
        if (operation === 'on') await obstacle.on(user)
        if (operation === 'off') await obstacle.off!(user)
        if (operation === 'on' || operation === 'off') isUp = operation === 'on'
      }
      const seen = await world.messagesOf(user)
      expect([order.join(' '), seen.map(({ state, reason }) => `${state} ${reason}`.trim())]).toEqual([
        order.join(' '),
        expected(obstacle, order, seen.length > 0),
      ])
      if (isUp) await obstacle.off?.(user)
      await world.engine.drain()
    }
    expect(world.errors).toEqual([])
  }, 120_000)
})

/** What must become of the message, from the order of things alone. */
function expected(obstacle: Obstacle, order: Operation[], touched: boolean): string[] {
  const triggerAt = order.indexOf('trigger')
  const isUpAt = (place: number) => {
    const last = order.slice(0, place).findLast((own) => own === 'on' || own === 'off')
    return last === 'on'
  }
  if (obstacle.before === 'no-message' && isUpAt(triggerAt)) return []
  // A touch may choose nothing: the draw is the policy's.
  if (obstacle.campaign === 'steps' && !touched) return []
  let message = 'queued'
  for (const [place, operation] of order.entries()) {
    if (operation !== 'claim' || place < triggerAt || !message.startsWith('queued')) continue
    const moved = isUpAt(place) !== isUpAt(triggerAt)
    const counts =
      obstacle.counts === 'moves' || (obstacle.before === 'harmless' && isUpAt(triggerAt))
        ? moved
        : isUpAt(place)
    message = counts ? `${obstacle.claimed.state} ${obstacle.claimed.reason}` : 'sent'
  }
  return [message]
}

async function introduce(name: string): Promise<string> {
  await world.take(identify(name))
  await world.decide()
  return name
}

async function trigger(user: string, campaign: 'single' | 'steps'): Promise<void> {
  await world.take(track(user, campaign === 'single' ? 'Cart Left' : 'Joined', `${user}-trigger`))
  await world.decide()
}

test('touches were sent and held back, not only drawn as nothing', async () => {
  const messages = (await world.rows('messages')).filter(({ campaign_id }) => campaign_id === 'steps')
  expect(messages.filter(({ state }) => state === 'sent').length).toBeGreaterThan(3)
  expect(messages.filter(({ state }) => state === 'lapsed').length).toBeGreaterThan(3)
})
