import { afterEach, describe, expect, test } from 'vitest'
import type { StoreTransaction } from '#platform/store/store.ts'
import { changeSettings, moveCampaign } from '../../../src/pipeline/change-workspace.ts'
import { setConsent } from '../../../src/profile/consent-rows.ts'
import { suppress } from '../../../src/profile/suppression-rows.ts'
import {
  customer,
  day,
  type EngineWorld,
  hour,
  identify,
  minute,
  openEngineWorld,
  start,
  track,
  welcomeFile,
  workspace,
} from './engine-world.ts'

let world: EngineWorld
afterEach(() => world.close())

const ann = { workspace, actor: 'ann' }

async function write(work: (tx: StoreTransaction) => Promise<unknown>): Promise<void> {
  await world.engine.parts.store.transaction(work)
}

async function optOut(userId: string): Promise<void> {
  await write((tx) =>
    setConsent(tx.workspace(workspace), {
      customerId: customer(userId),
      channel: 'email',
      state: 'denied',
      source: 'test',
      now: world.clock.now(),
    }),
  )
}

async function suppressAddress(address: string): Promise<void> {
  const fact = { channel: 'email' as const, address, reason: 'complaint', detail: '', now: world.clock.now() }
  await write((tx) => suppress(tx.workspace(workspace), fact))
}

async function killSwitch(on: boolean): Promise<void> {
  await changeSettings(world.engine.parts, { ...ann, patch: { killSwitch: on } })
}

async function outbox(): Promise<string[]> {
  return (await world.rows('outbox')).map((row) => row.address).sort()
}

describe('at the decision', () => {
  test('a cap refuses what is over it, in every sliding window, queued messages counted', async () => {
    const campaign = 'frequencyCaps: [{ sendsMax: 2, window: { hours: 24 } }]'
    world = await openEngineWorld(welcomeFile({ campaign }))
    await world.take(identify('bob'))
    await world.take(...[1, 2, 3, 4].map((n) => track('bob', 'Signed Up', `s${n}`)))
    await world.decide()
    expect(await world.decisionsOf('bob')).toEqual([
      'treatment',
      'treatment',
      'none-eligible',
      'none-eligible',
    ])
    await world.send()
    expect(await outbox()).toHaveLength(2)

    // A millisecond before a slot is free, and when it is.
    world.clock.stepTo(start + day - 1)
    await world.take(track('bob', 'Signed Up', 's5'))
    await world.engine.drain()
    expect(await outbox()).toHaveLength(2)
    world.clock.stepTo(start + day)
    await world.take(track('bob', 'Signed Up', 's6'))
    await world.engine.drain()
    expect(await outbox()).toHaveLength(3)
    expect((await world.decisionsOf('bob')).slice(4)).toEqual(['none-eligible', 'treatment'])
  })

  test("the workspace's cap counts the sends of all campaigns", async () => {
    const second = `
  - id: again
    name: Again
    goal: order
    trigger: { event: Came Back }
    holdout: 0
    policy: { kind: fixed-split, experiment: even }
    treatments: [{ offer: tea, channel: email, variants: [{ id: a, template: hello }] }]
guardrails: { frequencyCaps: [{ sendsMax: 1, window: { localDays: 1 } }] }`
    world = await openEngineWorld(welcomeFile({ top: second }))
    await world.take(identify('bob'), track('bob', 'Signed Up', 's1'))
    await world.engine.drain()
    await world.take(track('bob', 'Came Back', 'b1'))
    await world.engine.drain()
    expect(await outbox()).toHaveLength(1)
    // The customer's next local day.
    world.clock.stepTo(start + 12 * hour)
    await world.take(track('bob', 'Came Back', 'b2'))
    await world.engine.drain()
    expect(await outbox()).toHaveLength(2)
  })

  test('who said no, whose address is suppressed, or whom nobody may reach now, gets nothing', async () => {
    world = await openEngineWorld(welcomeFile())
    await world.take(identify('bob'), identify('cem'), identify('dan'), identify('eve'))
    await world.decide()
    await optOut('bob')
    await suppressAddress('Cem@Example.com')
    const all = ['bob', 'cem', 'dan', 'eve', 'nobody']
    await world.take(...all.map((user) => track(user, 'Signed Up', `s-${user}`)))
    await world.engine.drain()
    expect(await outbox()).toEqual(['dan@example.com', 'eve@example.com'])
    await killSwitch(true)
    world.clock.stepTo(start + minute)
    await world.take(track('dan', 'Signed Up', 's-dan-2'))
    await world.engine.drain()
    expect(await outbox()).toHaveLength(2)
    const excluded = (await world.rows('decisions')).map((row) => JSON.parse(row.excluded_json))
    expect(excluded).toContainEqual({ consent: 1 })
    expect(excluded).toContainEqual({ suppression: 1 })
    expect(excluded).toContainEqual({ 'send-address': 1 })
    expect(excluded).toContainEqual({ 'kill-switch': 1 })
  })

  test('where a yes is required, silence is a no', async () => {
    world = await openEngineWorld(welcomeFile({ top: 'guardrails: { consentRequired: [email] }' }))
    await world.take(identify('bob'), track('bob', 'Signed Up', 's1'))
    await world.engine.drain()
    expect(await outbox()).toEqual([])
  })

  test('a budget is not overspent, whatever comes at once', async () => {
    world = await openEngineWorld(welcomeFile({ campaign: 'budget: 3' }))
    const users = ['a', 'b', 'c', 'd', 'e']
    await world.take(...users.flatMap((user) => [identify(user), track(user, 'Signed Up', `s-${user}`)]))
    await world.engine.drain()
    expect(await outbox()).toHaveLength(3)
  })

  test.each(['fixed-split', 'inverse-gap'])(
    'the held out get a record without a draw, and no message (%s)',
    async (policy) => {
      const file = welcomeFile({ holdout: 0.5 })
      world = await openEngineWorld(
        policy === 'fixed-split'
          ? file
          : file.replace(/policy: .*/, 'policy: { kind: inverse-gap }').replace('cost: 1', 'cost: 0'),
      )
      const users = Array.from({ length: 30 }, (_, i) => `u${i}`)
      await world.take(...users.flatMap((user) => [identify(user), track(user, 'Signed Up', `s-${user}`)]))
      await world.engine.drain()
      const assignments = await world.rows('assignments')
      expect(assignments).toHaveLength(30)
      const heldOut = assignments.filter((row) => row.held_out === 1).map((row) => row.customer_id)
      expect(heldOut.length).toBeGreaterThan(5)
      expect(heldOut.length).toBeLessThan(25)
      const decisions = await world.rows('decisions')
      for (const row of decisions) expect(row.outcome === 'held-out').toBe(heldOut.includes(row.customer_id))
      const messages = await world.rows('messages')
      expect(messages.length).toBeGreaterThan(0)
      for (const row of messages) expect(heldOut).not.toContain(row.customer_id)
    },
  )

  test('who is held out of everything is, though a campaign without holdout has them', async () => {
    world = await openEngineWorld(welcomeFile({ top: 'guardrails: { globalHoldout: 1 }' }))
    await world.take(identify('bob'), track('bob', 'Signed Up', 's1'))
    await world.engine.drain()
    expect(await world.decisionsOf('bob')).toEqual(['held-out'])
    expect(await world.rows('messages')).toEqual([])
  })
})

/** Queued at noon in quiet hours that end at one: what changes in between, the claim must see. */
describe('between the decision and the claim', () => {
  const quiet = 'guardrails: { quietHours: { from: "11:00", until: "13:00" } }'

  async function queued(file = welcomeFile({ top: quiet })): Promise<void> {
    world = await openEngineWorld(file)
    await world.take(identify('bob'), identify('cem'))
    await world.take(track('bob', 'Signed Up', 's1'), track('cem', 'Signed Up', 's2'))
    await world.decide()
    await world.send()
    expect(await world.messagesOf('bob')).toEqual([{ state: 'queued', reason: '', dueAt: start + hour }])
    expect(await outbox()).toEqual([])
  }

  async function atOne(): Promise<void> {
    world.clock.stepTo(start + hour)
    await world.send()
  }

  test('nothing changed: it is sent at the end of the quiet hours, not before', async () => {
    await queued()
    world.clock.stepTo(start + hour - 1)
    await world.send()
    expect(await outbox()).toEqual([])
    await atOne()
    expect(await outbox()).toEqual(['bob@example.com', 'cem@example.com'])
  })

  test('an opt-out', async () => {
    await queued()
    await optOut('bob')
    await atOne()
    expect(await outbox()).toEqual(['cem@example.com'])
    expect(await world.messagesOf('bob')).toMatchObject([
      { state: 'lapsed', reason: 'consent:consent_denied' },
    ])
  })

  test('a suppression of the address', async () => {
    await queued()
    await suppressAddress('bob@example.com')
    await atOne()
    expect(await outbox()).toEqual(['cem@example.com'])
    expect(await world.messagesOf('bob')).toMatchObject([
      { state: 'lapsed', reason: 'suppression:address_suppressed' },
    ])
  })

  test('the kill switch', async () => {
    await queued()
    await killSwitch(true)
    await atOne()
    expect(await outbox()).toEqual([])
    expect(await world.messagesOf('cem')).toMatchObject([
      { state: 'lapsed', reason: 'kill-switch:kill_switch' },
    ])
    await killSwitch(false)
    await world.send()
    expect(await outbox()).toEqual([])
  })

  test('the goal was met', async () => {
    await queued()
    world.clock.stepTo(start + 10 * minute)
    await world.take(track('bob', 'Order Completed', 'o1', { properties: { revenue: 5 } }))
    await world.decide()
    await atOne()
    expect(await outbox()).toEqual(['cem@example.com'])
    expect(await world.messagesOf('bob')).toMatchObject([{ state: 'lapsed', reason: 'goal-met:goal_met' }])
  })

  test('the campaign was paused: the message waits, and goes when it is resumed', async () => {
    await queued()
    const move = (action: 'pause' | 'launch') =>
      moveCampaign(world.engine.parts, { ...ann, campaignId: 'welcome', action, note: '' })
    await move('pause')
    await atOne()
    expect(await world.messagesOf('bob')).toMatchObject([
      { state: 'queued', reason: 'campaign-state:campaign_paused' },
    ])
    await move('launch')
    world.clock.stepTo(start + 2 * hour)
    await world.send()
    expect(await outbox()).toHaveLength(2)
  })

  test('the campaign ended', async () => {
    await queued()
    await moveCampaign(world.engine.parts, { ...ann, campaignId: 'welcome', action: 'end', note: '' })
    await atOne()
    expect(await outbox()).toEqual([])
    expect(await world.messagesOf('bob')).toMatchObject([
      { state: 'lapsed', reason: 'campaign-state:campaign_ended' },
    ])
  })

  test('a cap that is stricter now: one goes, the other waits for its slot', async () => {
    const campaign = 'frequencyCaps: [{ sendsMax: 2, window: { hours: 6 } }]'
    world = await openEngineWorld(welcomeFile({ campaign, top: quiet }))
    await world.take(identify('bob'), track('bob', 'Signed Up', 's1'), track('bob', 'Signed Up', 's2'))
    await world.decide()
    await world.apply('guardrails: { frequencyCaps: [{ sendsMax: 1, window: { hours: 6 } }] }')
    await atOne()
    expect(await outbox()).toHaveLength(1)
    const waiting = (await world.messagesOf('bob')).find(({ state }) => state === 'queued')
    expect(waiting).toEqual({
      state: 'queued',
      reason: 'frequency-cap:frequency_cap',
      dueAt: start + hour + 6 * hour,
    })
    world.clock.stepTo(start + 7 * hour)
    await world.send()
    expect(await outbox()).toHaveLength(2)
  })

  test('quiet hours that are longer now: it waits on, and lapses when it would come too late', async () => {
    await queued(welcomeFile({ top: quiet, campaign: 'expiresAfterHours: 6' }))
    await world.apply('guardrails: { quietHours: { from: "11:00", until: "14:00" } }')
    await atOne()
    expect(await world.messagesOf('bob')).toMatchObject([
      { state: 'queued', reason: 'quiet-hours:quiet_hours', dueAt: start + 2 * hour },
    ])
    await world.apply('guardrails: { quietHours: { from: "11:00", until: "19:00" } }')
    world.clock.stepTo(start + 2 * hour)
    await world.send()
    expect(await outbox()).toEqual([])
    expect(await world.messagesOf('bob')).toMatchObject([
      { state: 'lapsed', reason: 'quiet-hours:quiet_hours' },
    ])
  })

  test('the budget was spent by others', async () => {
    await queued(welcomeFile({ top: quiet, campaign: 'budget: 2' }))
    // A smaller budget, approved anew: one of the two fits.
    await world.apply(welcomeFile({ top: quiet, campaign: 'budget: 1' }))
    await atOne()
    expect(await outbox()).toHaveLength(1)
    const states = [...(await world.messagesOf('bob')), ...(await world.messagesOf('cem'))]
    expect(states.map(({ reason }) => reason)).toContain('budget:budget_spent')
  })

  test('the offer was withdrawn', async () => {
    await queued()
    await world.apply(welcomeFile({ top: quiet }).replace('value: 10 }', 'value: 10, available: false }'))
    await atOne()
    expect(await outbox()).toEqual([])
    expect(await world.messagesOf('bob')).toMatchObject([
      { state: 'lapsed', reason: 'offer-valid:offer_unavailable' },
    ])
  })

  test('it became too old', async () => {
    await queued(welcomeFile({ top: quiet, campaign: 'expiresAfterHours: 2' }))
    world.clock.stepTo(start + 2 * hour + 1)
    await world.send()
    expect(await world.messagesOf('bob')).toMatchObject([{ state: 'lapsed', reason: 'expired' }])
  })
})

test("quiet hours go by the customer's own clock", async () => {
  world = await openEngineWorld(
    welcomeFile({ top: 'guardrails: { quietHours: { from: "22:00", until: "07:30" } }' }),
  )
  // Noon in UTC: 17:45 in Kathmandu (+5:45), 01:00 in Auckland until 07:30 there, 19:30 UTC (standard time, +12).
  await world.take(
    identify('kat', { timezone: 'Asia/Kathmandu' }),
    identify('auk', { timezone: 'Pacific/Auckland' }),
  )
  await world.take(track('kat', 'Signed Up', 's1'), track('auk', 'Signed Up', 's2'))
  await world.engine.drain()
  expect(await outbox()).toEqual(['kat@example.com'])
  expect(await world.messagesOf('auk')).toEqual([
    { state: 'queued', reason: '', dueAt: Date.UTC(2026, 5, 2, 19, 30) },
  ])
})
