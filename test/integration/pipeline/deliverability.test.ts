import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CallbackFact, DeliveryKind } from '#contracts/delivery.ts'
import { receiveFacts } from '../../../src/pipeline/callbacks/receive-facts.ts'
import { moveCampaign } from '../../../src/pipeline/change-workspace.ts'
import {
  day,
  type EngineWorld,
  hour,
  identify,
  openEngineWorld,
  start,
  track,
  welcomeFile,
  workspace,
} from './engine-world.ts'

let world: EngineWorld
afterEach(() => world.close())

const source = { provider: 'p', channel: 'email' as const }
let told = 0

async function mailTo(users: string[], domain = 'example.com'): Promise<void> {
  await world.take(...users.map((user) => identify(user, { email: `${user}@${domain}` })))
  await world.take(...users.map((user) => track(user, 'Signed Up', `t-${user}`)))
  await world.decide()
  await world.send()
}

async function sentIds(): Promise<string[]> {
  return (await world.rows('messages')).filter(({ state }) => state === 'sent').map((row) => row.message_id)
}

async function tell(kind: DeliveryKind, messageIds: string[]): Promise<void> {
  const facts = messageIds.map(
    (messageId): CallbackFact => ({
      id: `e${++told}`,
      kind,
      messageId,
      providerMessageId: '',
      address: '',
      occurredAt: world.clock.now(),
      reason: '550',
    }),
  )
  await receiveFacts(world.engine.parts, source, facts)
  await world.decide()
}

async function states(): Promise<string[]> {
  const rows = await world.rows('campaign_versions')
  return rows.sort((a, b) => a.version - b.version).map((row) => row.state)
}

const users = (count: number, prefix: string) => Array.from({ length: count }, (_, i) => `${prefix}${i}`)

describe('a campaign whose mail is not wanted', () => {
  beforeEach(async () => {
    world = await openEngineWorld(
      welcomeFile({ top: 'guardrails: { deliverability: { sendsMin: 100, bounceShareMax: 0.05 } }' }),
    )
    await mailTo(users(100, 'u'))
  })

  test('pauses at its share of hard bounces, by itself, and says why; below it goes on', async () => {
    const ids = await sentIds()
    await tell('hard-bounce', ids.slice(0, 4))
    await tell('soft-bounce', ids.slice(10, 60))
    await world.engine.roles.strategist.watchDeliverability()
    expect((await states()).at(-1)).toBe('live')
    await tell('hard-bounce', ids.slice(4, 5))
    await world.engine.roles.strategist.watchDeliverability()
    const last = (await world.rows('campaign_versions')).find(({ state }) => state === 'paused')
    expect(last).toMatchObject({
      actor: 'system:deliverability',
      note: 'bounces reached their limit: 5 of 100 sends (5 %), at most 5 %',
    })
    const audit = (await world.rows('audit')).filter(({ actor }) => actor === 'system:deliverability')
    expect(audit).toMatchObject([{ action: 'campaign.pause', target: 'welcome' }])
  })

  test('pauses at one complaint in a thousand sends, and not of one complaint alone', async () => {
    const ids = await sentIds()
    await tell('complaint', ids.slice(0, 1))
    await world.engine.roles.strategist.watchDeliverability()
    expect((await states()).at(-1)).toBe('live')
    await tell('complaint', ids.slice(1, 2))
    await world.engine.roles.strategist.watchDeliverability()
    expect((await states()).at(-1)).toBe('paused')
  })

  test('the same bounce told ten times is one', async () => {
    const ids = await sentIds()
    for (let i = 0; i < 10; i++) await tell('hard-bounce', ids.slice(0, 1))
    await world.engine.roles.strategist.watchDeliverability()
    expect((await states()).at(-1)).toBe('live')
  })

  test('a person launches it again, and from then on it is counted anew', async () => {
    const ids = await sentIds()
    await tell('hard-bounce', ids.slice(0, 10))
    await world.engine.roles.strategist.watchDeliverability()
    world.clock.stepTo(start + hour)
    const { store, clock } = world.engine.parts
    const change = { workspace, actor: 'ann', campaignId: 'welcome', action: 'launch' as const, note: '' }
    expect((await moveCampaign({ store, clock }, change)).kind).toBe('moved')
    await tell('hard-bounce', ids.slice(10, 20))
    await world.engine.roles.strategist.watchDeliverability()
    expect((await states()).at(-1)).toBe('live')
  })

  test('of few sends no share is taken', async () => {
    await world.close()
    world = await openEngineWorld(welcomeFile())
    await mailTo(users(30, 'v'))
    await tell('hard-bounce', await sentIds())
    await world.engine.roles.strategist.watchDeliverability()
    expect((await states()).at(-1)).toBe('live')
  })
})

describe('a sender that is warmed up', () => {
  const warmUp = (more = '') =>
    welcomeFile({
      top: `guardrails: { deliverability: { warmUps: [{ sender: starling.localhost, startsOn: 2026-06-02, dailySends: [5, 8]${more} }] } }`,
      campaign: 'expiresAfterHours: 72',
    })
  const counted = async () => {
    const rows = (await world.rows('messages')).filter(({ state }) => state === 'sent')
    return Object.fromEntries(
      [...Map.groupBy(rows, (row) => row.address.split('@')[1]!)].map(([domain, own]) => [
        domain,
        own.length,
      ]),
    )
  }

  test('sends what the day allows to each domain; the rest waits until the next, in order', async () => {
    world = await openEngineWorld(warmUp())
    await mailTo(users(10, 'a'), 'gmail.com')
    await mailTo(users(3, 'b'), 'web.de')
    expect(await counted()).toEqual({ 'gmail.com': 5, 'web.de': 3 })
    const waiting = (await world.rows('messages')).filter(({ state }) => state === 'queued')
    expect(waiting.map(({ reason, due_at }) => [reason, due_at])).toEqual(
      Array(5).fill(['warm-up:warm_up_day_full', Date.UTC(2026, 5, 3)]),
    )
    world.clock.stepTo(Date.UTC(2026, 5, 3))
    await world.send()
    expect(await counted()).toEqual({ 'gmail.com': 10, 'web.de': 3 })
    const counts = (await world.rows('warm_up_counts')).map((row) => [row.recipient_domain, row.sends_count])
    expect(counts.sort()).toEqual([
      ['gmail.com', 5],
      ['gmail.com', 5],
      ['web.de', 3],
    ])
  })

  test('domains that are not named count together, and after its last day nothing is held back', async () => {
    world = await openEngineWorld(warmUp(', domains: [gmail.com]'))
    await mailTo(users(4, 'a'), 'one.example')
    await mailTo(users(4, 'b'), 'two.example')
    expect(await counted()).toEqual({ 'one.example': 4, 'two.example': 1 })
    world.clock.stepTo(start + 2 * day)
    await world.send()
    expect(await counted()).toEqual({ 'one.example': 4, 'two.example': 4 })
  })
})
