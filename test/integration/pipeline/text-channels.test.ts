import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ProviderSettings } from '#contracts/provider.ts'
import { addWebhook } from '../../../src/action/webhooks/webhook-rows.ts'
import { reportFacts } from '../../../src/pipeline/callbacks/report-facts.ts'
import { changeSettings } from '../../../src/pipeline/change-workspace.ts'
import type { ChannelHarness } from '../../support/channels/harness.ts'
import { type HttpVendorServer, startHttpVendor } from '../../support/channels/http-vendor.ts'
import { startHarness } from '../../support/channels/smpp.ts'
import { type EngineWorld, minute, openEngineWorld, workspace } from './engine-world.ts'

const yaml = `
goals: [{ id: paid, event: Paid, windowHours: 24 }]
offers: [{ id: reminder, name: Reminder }]
templates:
  - { id: short, channel: sms, text: 'Hello {{customer.name}}' }
  - { id: call, channel: webhook, data: { name: '{{customer.name}}', amount: 12 } }
experiments:
  - id: all
    arms:
      - { id: nobody, share: 0, control: true }
      - { id: everybody, share: 1, treatment: reminder/sms }
  - id: called
    arms:
      - { id: nobody, share: 0, control: true }
      - { id: everybody, share: 1, treatment: reminder/webhook }
campaigns:
  - id: remind
    name: Remind
    goal: paid
    policy: { kind: fixed-split, experiment: all }
    holdout: 0
    trigger: { event: Basket Left }
    treatments: [{ offer: reminder, channel: sms, variants: [{ id: a, template: short }] }]
  - id: call
    name: Call
    goal: paid
    policy: { kind: fixed-split, experiment: called }
    holdout: 0
    trigger: { event: Call Wanted }
    treatments: [{ offer: reminder, channel: webhook, variants: [{ id: a, template: call }] }]
`
let world: EngineWorld
let centre: ChannelHarness
let crm: HttpVendorServer
const called: object[] = []

beforeAll(async () => {
  world = await openEngineWorld(yaml)
  centre = await startHarness({ store: world.engine.parts.store })
  await world.close()
  crm = await startHttpVendor({
    faultsOf: ({ body }) => {
      called.push(JSON.parse(body))
      return []
    },
    keyOf: ({ headers }) => String(headers['webhook-id']),
    accepts: () => ({ status: 204 }),
  })
  const secret = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'
  const providers = [
    { id: 'sms', kind: 'smpp', weight: 1, settings: centre.settings as ProviderSettings['settings'] },
    { id: 'crm', kind: 'webhook', weight: 1, settings: { url: crm.url, secret, privateHosts: true } },
  ]
  world = await openEngineWorld(yaml, { providers })
  const { store, clock } = world.engine.parts
  const patch = { sendMode: 'live' as const, country: 'US' }
  await changeSettings({ store, clock }, { workspace, actor: 'ann', patch })
  await store.transaction((tx) =>
    addWebhook(
      tx.workspace(workspace),
      {
        url: 'http://crm.example/',
        events: ['message.sent', 'message.failed', 'message.clicked', 'message.delivered'],
      },
      clock.now(),
    ),
  )
})
afterAll(async () => {
  await world.close()
  await centre.close()
  await crm.close()
})

let clientIds = 0
async function remind(userId: string, traits: object): Promise<void> {
  await world.take({ type: 'identify', userId, traits, messageId: `i-${++clientIds}` })
  await world.take({ type: 'track', userId, event: 'Basket Left', messageId: `t-${clientIds}` })
  await world.decide()
  world.clock.stepTo(world.clock.now() + minute)
  await world.send()
}

async function told(): Promise<string[]> {
  const rows = await world.rows('webhook_deliveries')
  return rows.sort((a, b) => a.created_at - b.created_at).map(({ type }) => type)
}

describe('a text message', () => {
  test('goes to the number in E.164, however the profile has it', async () => {
    await remind('ann', { name: 'Ann', phone: '(201) 555-0123' })
    expect(await world.messagesOf('ann')).toMatchObject([{ state: 'sent' }])
    expect(await centre.received()).toEqual(['Hello Ann'])
    expect((await world.rows('messages'))[0]!.address).toBe('+12015550123')
  })

  test('has no candidate where the profile’s number is none', async () => {
    await remind('bob', { name: 'Bob', phone: '12' })
    expect(await world.messagesOf('bob')).toEqual([])
  })

  test('of a number of another country than the customer’s own is written to there', async () => {
    await remind('eve', { name: 'Eve', phone: '07700 900123', country: 'GB' })
    expect((await world.rows('messages')).map(({ address }) => address).sort()).toEqual([
      '+12015550123',
      '+447700900123',
    ])
  })

  test('that would take more SMS than the provider sends is not sent, and says why', async () => {
    await remind('cid', { name: 'ж'.repeat(700), phone: '+12015550123' })
    expect(await world.messagesOf('cid')).toMatchObject([
      { state: 'failed', reason: 'over_limit: the text takes 11 SMS (ucs-2), at most 10 are sent' },
    ])
    expect(await centre.received()).toHaveLength(2)
  })

  test('tells other systems what became of it, once each', async () => {
    expect(await told()).toEqual(['message.sent', 'message.sent', 'message.failed'])
    const [row] = (await world.rows('webhook_deliveries')).filter(({ type }) => type === 'message.failed')
    expect(JSON.parse(row!.body).data).toMatchObject({
      campaignId: 'remind',
      channel: 'sms',
      reason: expect.stringMatching(/^over_limit/),
    })
    await world.send()
    expect(await told()).toHaveLength(3)
  })

  test('that came back, or was answered with STOP, is told by the connection: no further one is sent', async () => {
    const { parts } = world.engine
    const source = { provider: 'sms', channel: 'sms' as const }
    const [attempt] = await world.rows('attempts')
    const fact = { messageId: '', address: '', occurredAt: world.clock.now(), reason: '' }
    const receipt = {
      ...fact,
      id: 'r-1',
      kind: 'delivered' as const,
      providerMessageId: attempt!.provider_message_id,
    }
    const stop = {
      ...fact,
      id: 'r-2',
      kind: 'reply' as const,
      providerMessageId: '',
      address: '+12015550123',
      reason: 'STOP',
    }
    expect(await reportFacts(parts, source, [receipt, stop])).toBe(true)
    expect(await reportFacts(parts, source, [{ ...receipt, providerMessageId: 'nobody’s' }])).toBe(false)
    expect((await told()).filter((type) => type === 'message.delivered')).toHaveLength(1)
    expect(await world.rows('suppressions')).toMatchObject([{ channel: 'sms', address: '+12015550123' }])
    await remind('ann', { name: 'Ann' })
    expect(await world.messagesOf('ann')).toHaveLength(1)
  })

  test('and of a click on it', async () => {
    const [message] = await world.rows('messages')
    const record = {
      v: 1,
      workspace,
      eventId: 'c-1',
      customerId: message!.customer_id,
      kind: 'click',
      occurredAt: world.clock.now(),
      receivedAt: world.clock.now(),
      payload: { messageId: message!.message_id, url: 'https://shop.example/', userAgent: 'x' },
    }
    await world.append([{ key: `${workspace}\u0000${message!.customer_id}`, body: JSON.stringify(record) }])
    await world.decide()
    expect(await told()).toContain('message.clicked')
  })
})

test('a webhook is given the template’s data, of a customer who needs no address', async () => {
  await world.take({ type: 'identify', userId: 'dan', traits: { name: 'Dan' }, messageId: 'i-dan' })
  await world.take({ type: 'track', userId: 'dan', event: 'Call Wanted', messageId: 't-dan' })
  await world.decide()
  world.clock.stepTo(world.clock.now() + minute)
  await world.send()
  expect(await world.messagesOf('dan')).toMatchObject([{ state: 'sent' }])
  expect(called).toMatchObject([{ data: { name: 'Dan', amount: 12 } }])
})
