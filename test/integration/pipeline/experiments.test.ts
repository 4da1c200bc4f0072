import { afterEach, describe, expect, test } from 'vitest'
import { loadCampaignHistory } from '../../../src/campaign/campaign-rows.ts'
import { type ShipRequest, shipArm } from '../../../src/pipeline/ship-arm.ts'
import { day, type EngineWorld, identify, openEngineWorld, track, workspace } from './engine-world.ts'

let world: EngineWorld
afterEach(() => world.close())

/** Two campaigns of one trigger each; `rule` goes into the first experiment. */
function file({ rule = '', groups = ['', ''] }: { rule?: string; groups?: [string, string] } = { rule: '' }) {
  const experiment = (id: string, extra: string) => `
  - id: ${id}
    ${extra}
    arms:
      - { id: none, share: 0.5, control: true }
      - { id: tea, share: 0.5, treatment: tea/email }`
  const campaign = (id: string, event: string, split: string) => `
  - id: ${id}
    name: ${id}
    goal: order
    trigger: { event: ${event} }
    holdout: 0
    policy: { kind: fixed-split, experiment: ${split} }
    treatments: [{ offer: tea, channel: email, variants: [{ id: a, template: hello }] }]`
  return `
goals: [{ id: order, event: Order Completed, windowHours: 48 }]
offers: [{ id: tea, name: Tea, value: 10 }]
templates: [{ id: hello, channel: email, subject: Hello, text: "Tea? {{links.unsubscribe}}" }]
experiments:${experiment('one', `${groups[0]}${rule}`)}${experiment('two', groups[1])}
campaigns:${campaign('first', 'Signed Up', 'one')}${campaign('second', 'Cart Filled', 'two')}
`
}

const users = Array.from({ length: 400 }, (_, i) => `u${i}`)

async function ship(over: Partial<ShipRequest> = {}) {
  return shipArm(world.engine.parts, {
    workspace,
    actor: 'ann',
    campaignId: 'first',
    armId: 'tea',
    note: '',
    override: false,
    ...over,
  })
}

describe('a group of experiments', () => {
  test('lets each customer into one of them, and keeps it when the slots change', async () => {
    const groups = (until: number): [string, string] => [
      `group: { id: mail, from: 0, until: ${until} }`,
      `group: { id: mail, from: ${until}, until: 100 }`,
    ]
    world = await openEngineWorld(file({ groups: groups(50) }))
    await world.take(...users.map((user) => identify(user)))
    await world.take(...users.slice(0, 60).map((user) => track(user, 'Signed Up', `s-${user}`)))
    await world.decide()
    const before = (await world.rows('assignments')).map(({ customer_id }) => customer_id)
    expect(before.length).toBeGreaterThan(15)
    expect(before.length).toBeLessThan(45)
    await world.apply(file({ groups: groups(1) }))
    await world.take(...users.map((user) => track(user, 'Cart Filled', `c-${user}`)))
    await world.take(...users.map((user) => track(user, 'Signed Up', `t-${user}`)))
    await world.decide()
    const rows = await world.rows('assignments')
    const inSecond = new Set(rows.filter((row) => row.campaign_id === 'second').map((row) => row.customer_id))
    for (const id of before) expect(inSecond.has(id)).toBe(false)
    expect(inSecond.size).toBeGreaterThan(60)
    const customers = rows.map((row) => row.customer_id)
    expect(new Set(customers).size).toBe(customers.length)
  })

  test('whose slots overlap is refused', async () => {
    const groups: [string, string] = [
      'group: { id: mail, from: 0, until: 60 }',
      'group: { id: mail, from: 50, until: 100 }',
    ]
    await expect(openEngineWorld(file({ groups }))).rejects.toThrow(/has slots 0 to 60 of mail already/)
    world = await openEngineWorld(file())
  })
})

describe('shipping an arm', () => {
  test('is refused until the rule has decided, for agents, and for an arm that sends nothing', async () => {
    world = await openEngineWorld(file({ rule: 'stopping: { minimumDays: 0 }' }))
    expect(await ship()).toMatchObject({ kind: 'refused', fault: { code: 'experiment_not_decided' } })
    expect(await ship({ actor: 'agent:strategist', override: true, note: 'sure' })).toMatchObject({
      fault: { code: 'invalid_request', field: 'actor' },
    })
    expect(await ship({ override: true })).toMatchObject({
      fault: { code: 'invalid_request', field: 'note' },
    })
    const sure = { override: true, note: 'sure' }
    expect(await ship({ ...sure, armId: 'none' })).toMatchObject({ fault: { code: 'conflict' } })
    expect(await ship({ ...sure, armId: 'coffee' })).toMatchObject({ fault: { code: 'not_found' } })
    expect(await ship({ ...sure, campaignId: 'third' })).toMatchObject({ fault: { code: 'not_found' } })
    expect(await world.rows('audit')).not.toContainEqual(expect.objectContaining({ action: 'campaign.ship' }))
  })

  test('makes a version that gives everybody its treatment, by a person, with the figures', async () => {
    world = await openEngineWorld(file({ rule: 'stopping: { minimumDays: 0 }' }))
    await world.take(...users.map((user) => identify(user)))
    await world.take(...users.map((user) => track(user, 'Signed Up', `s-${user}`)))
    await world.decide()
    const arms = new Map((await world.rows('assignments')).map((row) => [row.customer_id, row.arm]))
    const idOf = new Map((await world.rows('events')).map((row) => [row.event_id, row.customer_id]))
    expect(await ship()).toMatchObject({ fault: { code: 'experiment_not_decided' } })
    world.clock.stepTo(world.clock.now() + day)
    const buyers = users.filter((user, i) => {
      const arm = arms.get(idOf.get(`s-${user}`)!)
      return i % 10 < (arm === 'tea' ? 7 : 3)
    })
    await world.take(...buyers.map((user) => track(user, 'Order Completed', `o-${user}`)))
    await world.decide()
    const shipped = await ship({ note: 'the tea is on the shelf' })
    expect(shipped).toMatchObject({ kind: 'shipped', version: { state: 'live', actor: 'ann' } })
    const history = await loadCampaignHistory(world.engine.parts.store.read.workspace(workspace), 'first')
    expect(history.slice(-3).map(({ state, actor }) => `${state} by ${actor}`)).toEqual([
      'draft by ann',
      'approved by ann',
      'live by ann',
    ])
    expect(history.at(-1)?.note).toMatch(
      /ship tea, by the rule; order: \d+ of \d+ against \d+ of \d+.*shelf$/,
    )
    expect(await ship({ override: true, note: 'again' })).toMatchObject({ fault: { code: 'conflict' } })

    await world.take(...users.map((user) => track(user, 'Signed Up', `again-${user}`)))
    await world.take(identify('new'), track('new', 'Signed Up', 'new'))
    await world.decide()
    const decisions = (await world.rows('decisions')).filter(
      (row) => row.trigger_id.startsWith('again-') || row.trigger_id === 'new',
    )
    expect(decisions).toHaveLength(401)
    for (const decision of decisions) expect(decision).toMatchObject({ outcome: 'treatment', propensity: 1 })
    expect(await world.rows('audit')).toContainEqual(
      expect.objectContaining({ action: 'campaign.ship', target: 'first tea', actor: 'ann' }),
    )
    expect(world.errors).toEqual([])
  })
})
