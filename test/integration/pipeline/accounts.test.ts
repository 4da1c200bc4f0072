import { afterEach, describe, expect, test } from 'vitest'
import { verify } from '../../../src/pipeline/verify.ts'
import { loadCustomers, saveCustomers } from '../../../src/profile/customer-rows.ts'
import {
  customer,
  day,
  type EngineWorld,
  hour,
  identify,
  openEngineWorld,
  track,
  welcomeFile,
  workspace,
} from './engine-world.ts'

let world: EngineWorld
afterEach(() => world.close())

let groups = 0
function group(userId: string, groupId: string, traits?: object, more: object = {}): object {
  groups += 1
  return { type: 'group', messageId: `g${groups}`, userId, groupId, ...(traits && { traits }), ...more }
}

async function accountsOf(userId: string): Promise<unknown> {
  const row = (await world.rows('customers')).find((own) => own.customer_id === customer(userId))
  return (JSON.parse(row!.profile_json) as { accounts?: object }).accounts
}

async function settle(): Promise<void> {
  await world.engine.drain()
}

const segments = `
segments:
  - { id: big, name: Big, condition: { account: seats, op: gte, value: 100 } }
`

describe('an account', () => {
  test('takes its traits from the group calls of its customers, and each of them carries a copy', async () => {
    world = await openEngineWorld(welcomeFile({ top: segments }))
    await world.take(identify('ann'), identify('bob'), group('ann', 'acme', { plan: 'pro', seats: 20 }))
    await world.take(group('bob', 'acme'))
    await settle()
    expect(await accountsOf('bob')).toEqual({ acme: { plan: 'pro', seats: 20 } })

    // What one of them says is soon known of the other, who enters a segment by it.
    await world.take(group('ann', 'acme', { seats: 150 }))
    await settle()
    expect(await accountsOf('bob')).toEqual({ acme: { plan: 'pro', seats: 150 } })
    const bob = (await world.rows('customers')).find((row) => row.customer_id === customer('bob'))!
    expect(Object.keys((JSON.parse(bob.profile_json) as { segments: object }).segments)).toEqual(['big'])

    // Older news fills in what is missing.
    const old = new Date(world.clock.now() - day).toISOString()
    await world.take(group('bob', 'acme', { seats: 5, country: 'DE' }, { timestamp: old }))
    await settle()
    expect(await accountsOf('ann')).toEqual({ acme: { plan: 'pro', seats: 150, country: 'DE' } })
    expect((await world.rows('account_members')).map((row) => row.customer_id).sort()).toEqual(
      [customer('ann'), customer('bob')].sort(),
    )
    expect(world.errors).toEqual([])
  })

  test('is compared with the copies by verify, which mends them', async () => {
    world = await openEngineWorld(welcomeFile())
    await world.take(identify('ann'), group('ann', 'acme', { seats: 3 }), identify('bob'))
    await settle()
    const { store, clock } = world.engine.parts
    const look = (repair: boolean) =>
      verify({ store, clock, wallClock: clock, eventsKeepDays: 400 }, workspace, { repair })
    expect(await look(false)).toMatchObject({ checked: { accounts: 1 }, differences: [] })
    await store.transaction(async (tx) => {
      const db = tx.workspace(workspace)
      const both = [...(await loadCustomers(db, [customer('ann'), customer('bob')])).values()]
      for (const own of both) own.profile.accounts = { acme: { seats: 4 } }
      await saveCustomers(db, both, clock.now())
    })
    const found = (await look(true)).differences
    expect(found.map(({ check, id, detail }) => [check, id, detail]).sort()).toEqual(
      [
        ['accounts', customer('ann'), 'keeps acme other than the account is'],
        ['accounts', customer('bob'), 'keeps acme and does not belong to it'],
      ].sort(),
    )
    expect((await look(false)).differences).toEqual([])
    expect([await accountsOf('ann'), await accountsOf('bob')]).toEqual([{ acme: { seats: 3 } }, {}])
  })

  test('has whoever its customer is merged into', async () => {
    world = await openEngineWorld(welcomeFile())
    await world.take(identify('ann'), identify('bob'))
    await world.take(group('bob', 'acme', { seats: 3 }), group('ann', 'other'))
    await world.take({ type: 'alias', messageId: 'a', previousId: 'bob', userId: 'ann' })
    await settle()
    expect(await accountsOf('ann')).toEqual({ acme: { seats: 3 }, other: {} })
    const members = (await world.rows('account_members')).map((row) => [row.account_id, row.customer_id])
    expect(members.sort()).toEqual([
      ['acme', customer('ann')],
      ['other', customer('ann')],
    ])
  })
})

describe('a cap per account', () => {
  const capped = (sendsMax: number) =>
    welcomeFile({
      campaign: `frequencyCaps: [{ sendsMax: ${sendsMax}, window: { hours: 24 }, per: account }]`,
    })

  async function people(...accounts: Record<string, string>[]): Promise<void> {
    for (const own of accounts)
      for (const [userId, groupId] of Object.entries(own))
        await world.take(identify(userId), ...(groupId === '' ? [] : [group(userId, groupId)]))
    await world.decide()
  }
  const signUp = (...userIds: string[]) =>
    world.take(...userIds.map((userId) => track(userId, 'Signed Up', `s-${userId}-${world.clock.now()}`)))
  const outbox = async () => (await world.rows('outbox')).map((row) => row.address.split('@')[0]).sort()

  test('counts what all of an account get, at the decision and at the claim, and nobody without one', async () => {
    world = await openEngineWorld(capped(2))
    await people({ ann: 'acme', bob: 'acme', cid: 'acme', dan: 'other', eve: '', fay: '' })
    await signUp('ann')
    await world.decide()
    await world.send()
    await signUp('bob', 'cid', 'dan', 'eve', 'fay')
    await world.decide()
    expect(await world.decisionsOf('cid')).toEqual(['none-eligible'])
    await world.send()
    expect(await outbox()).toEqual(['ann', 'bob', 'dan', 'eve', 'fay'])

    world.clock.stepTo(world.clock.now() + 24 * hour)
    await signUp('cid', 'ann')
    await world.decide()
    await world.send()
    expect(await outbox()).toEqual(['ann', 'ann', 'bob', 'cid', 'dan', 'eve', 'fay'])
  })

  test('holds at the claim where the account came together after the decisions', async () => {
    world = await openEngineWorld(capped(1))
    await people({ ann: '', bob: '' })
    await signUp('ann', 'bob')
    await world.decide()
    expect(await world.decisionsOf('bob')).toEqual(['treatment'])
    await world.take(group('ann', 'acme'), group('bob', 'acme'))
    await world.decide()
    await world.send()
    expect(await outbox()).toHaveLength(1)
    const states = [...(await world.messagesOf('ann')), ...(await world.messagesOf('bob'))]
    expect(states.map(({ state }) => state).sort()).toEqual(['queued', 'sent'])
    expect(states.find(({ state }) => state === 'queued')!.reason).toBe('frequency-cap:frequency_cap')
  })
})

describe('a goal per account', () => {
  const perAccount = (holdout: number) =>
    welcomeFile({ holdout }).replace('windowHours: 48', 'windowHours: 48, per: account')

  test('is met by whoever of the account meets it, once, and stops what the others would get', async () => {
    world = await openEngineWorld(perAccount(0))
    await world.take(...['ann', 'bob', 'cid', 'dan'].map((userId) => identify(userId)))
    await world.take(group('ann', 'acme'), group('bob', 'acme'), group('cid', 'acme'), group('dan', 'other'))
    await world.take(track('bob', 'Signed Up', 's1'))
    await world.decide()
    world.clock.stepTo(world.clock.now() + hour)
    await world.take(track('ann', 'Signed Up', 's2'), track('dan', 'Signed Up', 's3'))
    await world.decide()
    // Cid was never in the campaign: the order counts for Bob, who entered it first.
    world.clock.stepTo(world.clock.now() + 1)
    await world.take(track('cid', 'Order Completed', 'o1', { properties: { revenue: 30 } }))
    await world.decide()
    const outcomes = (await world.rows('outcomes')).map((row) => [row.customer_id, row.value_micros])
    expect(outcomes).toEqual([[customer('bob'), 30_000_000]])
    await world.send()
    const reasons = async (userId: string) => (await world.messagesOf(userId)).map(({ reason }) => reason)
    expect(await reasons('ann')).toEqual(['goal-met:goal_met'])
    expect(await reasons('bob')).toEqual(['goal-met:goal_met'])
    expect((await world.messagesOf('dan')).map(({ state }) => state)).toEqual(['sent'])
  })

  test('leaves colleagues in their cadence, whose later touches are not sent', async () => {
    const touch = (id: string) =>
      `{ id: ${id}, touch: { treatments: [${['tea', 'jam', 'egg']
        .map((offer) => `{ offer: ${offer}, channel: email, variants: [{ id: a, template: hello }] }`)
        .join(', ')}] } }`
    world = await openEngineWorld(`
goals: [{ id: order, event: Order Completed, windowHours: 480, per: account }]
offers: [{ id: tea, name: Tea, value: 10 }, { id: jam, name: Jam, value: 10 }, { id: egg, name: Egg, value: 10 }]
templates: [{ id: hello, channel: email, subject: Hello, text: "Hi {{links.unsubscribe}}" }]
campaigns:
  - id: steps
    name: Steps
    goal: order
    trigger: { event: Signed Up }
    holdout: 0
    steps: [${touch('first')}, { id: rest, wait: { days: 3 } }, ${touch('second')}]
`)
    const people = ['ann', 'bob', 'cid', 'dan', 'eve', 'fay']
    await world.take(...people.flatMap((userId) => [identify(userId), group(userId, 'acme')]))
    await world.take(...people.map((userId) => track(userId, 'Signed Up', `s-${userId}`)))
    await settle()
    const before = (await world.rows('messages')).filter((row) => row.state === 'sent').length
    world.clock.stepTo(world.clock.now() + day)
    await world.take(track('ann', 'Order Completed', 'o1'))
    await settle()
    world.clock.stepTo(world.clock.now() + 3 * day)
    await settle()
    const journeys = Map.groupBy(await world.rows('journeys'), (row) => row.customer_id === customer('ann'))
    expect(journeys.get(true)!.map(({ state }) => state)).toEqual(['left'])
    expect(journeys.get(false)!.map(({ state }) => state)).toEqual(Array(5).fill('completed'))
    const messages = await world.rows('messages')
    expect(messages.filter((row) => row.state === 'sent')).toHaveLength(before)
    const later = messages.filter((row) => row.state !== 'sent').map(({ reason }) => reason)
    expect(new Set(later)).toEqual(new Set(['goal-met:goal_met']))
  })

  test('has all of an account in one arm', async () => {
    world = await openEngineWorld(perAccount(0.5))
    const people = Array.from({ length: 24 }, (_, i) => `p${i}`)
    await world.take(...people.map((userId) => identify(userId)))
    await world.take(...people.map((userId, i) => group(userId, `company-${i % 6}`)))
    await world.take(...people.map((userId) => track(userId, 'Signed Up', `s-${userId}`)))
    await world.decide()
    const arms = new Map((await world.rows('assignments')).map((row) => [row.customer_id, row.held_out]))
    const drawn = people.map((userId) => arms.get(customer(userId)))
    for (const [i, arm] of drawn.entries()) expect(arm).toBe(drawn[i % 6])
    expect(new Set(drawn)).toEqual(new Set([0, 1]))
  })
})

test('a workspace knows its own accounts only', async () => {
  world = await openEngineWorld(welcomeFile())
  await world.take(identify('ann'), group('ann', 'acme', { seats: 1 }))
  await settle()
  const other = world.engine.parts.store.read.workspace('other')
  expect(await other.selectFrom('accounts').selectAll().execute()).toEqual([])
  expect((await world.rows('accounts')).map((row) => [row.workspace, row.account_id])).toEqual([
    [workspace, 'acme'],
  ])
})
