import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createSteppedClock, type SteppedClock } from '#platform/clock/stepped-clock.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import type { RowOf, Store } from '#platform/store/store.ts'
import { createHttpClient } from '../../../src/action/http/http-client.ts'
import { insertMessages } from '../../../src/action/message-rows.ts'
import { listDeliveries, replayDelivery, replayFailed } from '../../../src/action/webhooks/delivery-rows.ts'
import { type MessageEventType, messageEventsOf } from '../../../src/action/webhooks/message-event.ts'
import { noteEvents } from '../../../src/action/webhooks/note-events.ts'
import {
  addWebhook,
  changeWebhook,
  findWebhook,
  removeWebhook,
  rotateSecret,
} from '../../../src/action/webhooks/webhook-rows.ts'
import { createWebhookSender, type WebhookSender } from '../../../src/action/webhooks/webhook-sender.ts'
import { startHttpVendor, type VendorCall } from '../../support/channels/http-vendor.ts'
import { openTestStore } from '../../support/test-store.ts'
import { newMessage } from './support.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
let folder: string
let store: Store
let clock: SteppedClock
let calls: VendorCall[] = []
let disabled: string[] = []
let receiver: Awaited<ReturnType<typeof startHttpVendor>>
let sender: WebhookSender
const client = createHttpClient({ answerTimeoutMs: 500, connectionsMax: 8 })

beforeAll(async () => {
  receiver = await startHttpVendor({
    faultsOf: (call) => {
      calls.push(call)
      return []
    },
    keyOf: ({ headers }) => String(headers['webhook-id']),
    accepts: () => ({ status: 204 }),
  })
})
afterAll(async () => {
  await client.close()
  await receiver.close()
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-webhooks-'))
  store = await openTestStore(folder)
  clock = createSteppedClock(Date.UTC(2026, 0, 1))
  calls = []
  disabled = []
  sender = open()
})
afterEach(async () => {
  await sender.drain()
  await store.close()
  await rm(folder, { recursive: true })
})

function open(): WebhookSender {
  return createWebhookSender({
    store,
    client,
    wallClock: clock,
    random: createSeededRandom(1),
    logger: { error() {}, warn() {} },
    workspaces: { list: async () => ['main'] },
    disabled: async (_tx, _workspace, webhookId, reason) => {
      disabled.push(`${webhookId}: ${reason}`)
    },
  })
}

const db = () => store.read.workspace('main')

async function add(events: MessageEventType[] = ['message.sent'], url = `${receiver.url}/hook`) {
  const added = await store.transaction((tx) =>
    addWebhook(tx.workspace('main'), { url, events }, clock.now()),
  )
  return { id: added!.webhook.webhookId, secret: added!.secret }
}

/** Messages `ids` were sent. */
async function sent(...ids: string[]): Promise<void> {
  await store.transaction(async (tx) => {
    const own = tx.workspace('main')
    const messages = ids.map((messageId) => newMessage({ messageId }))
    await insertMessages(own, messages, clock.now())
    const happened = ids.map((id) => ({ kind: 'sent', messageId: id, key: '1', at: clock.now() }))
    await noteEvents(own, messageEventsOf(happened))
  })
}

async function step(): Promise<number> {
  const started = await sender.step()
  await sender.drain()
  return started
}

async function deliveries(id: string): Promise<RowOf<'webhook_deliveries'>[]> {
  return listDeliveries(db(), id, { limit: 100 })
}

describe('what is told', () => {
  test('an event is a POST that the standard’s own library verifies', async () => {
    const { id, secret } = await add()
    await sent('m1')
    expect(await step()).toBe(1)
    const [call] = calls
    const at = new Date(Number(call!.headers['webhook-timestamp']) * 1000)
    expect(at.getTime()).toBe(clock.now())
    const key = String(call!.headers['webhook-id'])
    expect(call!.headers['webhook-signature']).toBe(new Webhook(secret).sign(key, at, call!.body))
    expect(JSON.parse(call!.body)).toMatchObject({
      type: 'message.sent',
      timestamp: '2026-01-01T00:00:00.000Z',
      data: { workspace: 'main', messageId: 'm1', channel: 'email', customerId: expect.any(String) },
    })
    expect(await deliveries(id)).toMatchObject([{ state: 'delivered', status: 204, attempts: 1 }])
    expect(await step()).toBe(0)
  })

  test('only events that were asked for, and only of messages', async () => {
    await add(['message.clicked'])
    await sent('m1')
    expect(await step()).toBe(0)
    const happened = [
      { kind: 'click', messageId: 'm1', key: 'a', at: clock.now() },
      { kind: 'click', messageId: 'm1', key: 'b', at: clock.now() },
      { kind: 'suspected-click', messageId: 'm1', key: 'c', at: clock.now() },
      { kind: 'conversion', messageId: '', key: 'd', at: clock.now() },
      { kind: 'click', messageId: 'nobody', key: 'e', at: clock.now() },
    ]
    await store.transaction((tx) => noteEvents(tx.workspace('main'), messageEventsOf(happened)))
    expect(await step()).toBe(2)
    expect(calls.map(({ body }) => JSON.parse(body).type)).toEqual(['message.clicked', 'message.clicked'])
  })

  test('an event that is written again is the same delivery', async () => {
    await add()
    await sent('m1')
    await sent('m1')
    expect([await step(), await step()]).toEqual([1, 0])
  })

  test('what is rolled back is not told', async () => {
    await add()
    await expect(
      store.transaction(async (tx) => {
        await insertMessages(tx.workspace('main'), [newMessage({ messageId: 'm9' })], 0)
        await noteEvents(
          tx.workspace('main'),
          messageEventsOf([{ kind: 'sent', messageId: 'm9', key: '1', at: 0 }]),
        )
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    expect(await step()).toBe(0)
  })
})

describe('a receiver that fails', () => {
  test('is tried again after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h, each spread by a fifth, and then no more', async () => {
    const { id } = await add()
    await sent('m1')
    const waits: number[] = []
    for (let attempt = 1; attempt <= 8; attempt++) {
      receiver.next({ status: 500 })()
      expect(await step()).toBe(1)
      const [delivery] = await deliveries(id)
      expect(delivery).toMatchObject({ attempts: attempt, status: 500, reason: 'status 500' })
      if (delivery!.state === 'failed') break
      const wait = delivery!.due_at - clock.now()
      waits.push(wait)
      clock.stepTo(clock.now() + wait - 1)
      expect(await step()).toBe(0)
      clock.stepTo(clock.now() + 1)
    }
    const published = [5, 300, 1800, 7200, 18_000, 36_000, 36_000].map((seconds) => seconds * 1000)
    expect(waits).toHaveLength(published.length)
    for (const [index, wait] of waits.entries())
      expect(Math.abs(wait / published[index]! - 1)).toBeLessThanOrEqual(0.1)
    expect(await deliveries(id)).toMatchObject([{ state: 'failed', attempts: 8 }])
    expect(new Set(calls.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(disabled).toEqual([])
  })

  test('is left alone for as long as it asks', async () => {
    const { id } = await add()
    await sent('m1')
    receiver.next({ status: 503, headers: { 'retry-after': '3600' } })()
    await step()
    expect((await deliveries(id))[0]!.due_at).toBe(clock.now() + hour)
  })

  test('is disabled after five days in which nothing got through, once, and told of', async () => {
    const { id } = await add()
    await sent('m1')
    receiver.next({ status: 500 })()
    await step()
    clock.stepTo(clock.now() + 5 * day - 1)
    receiver.next({ status: 500 })()
    await step()
    expect(await findWebhook(db(), id)).toMatchObject({
      state: 'active',
      failing_since: Date.UTC(2026, 0, 1),
    })
    clock.stepTo(clock.now() + day)
    receiver.next({ status: 500 })()
    await step()
    expect(await findWebhook(db(), id)).toMatchObject({
      state: 'disabled',
      reason: 'nothing has got through since 2026-01-01T00:00:00.000Z',
    })
    expect(disabled).toHaveLength(1)
    await sent('m4')
    expect(await step()).toBe(0)
    await store.transaction((tx) => changeWebhook(tx.workspace('main'), id, { state: 'active' }))
    expect(await findWebhook(db(), id)).toMatchObject({ state: 'active', reason: '', failing_since: null })
    await sent('m5')
    clock.stepTo(clock.now() + day)
    await step()
    expect((await deliveries(id)).find(({ message_id }) => message_id === 'm5')?.state).toBe('delivered')
    expect((await deliveries(id)).some(({ message_id }) => message_id === 'm4')).toBe(false)
  })

  test('that gets through again begins anew', async () => {
    const { id } = await add()
    await sent('m1')
    receiver.next({ status: 500 })()
    await step()
    clock.stepTo(clock.now() + minute)
    await step()
    expect(await findWebhook(db(), id)).toMatchObject({ failing_since: null })
  })

  test('that answers 410 is disabled at once', async () => {
    const { id } = await add()
    await sent('m1')
    receiver.next({ status: 410 })()
    await step()
    expect(await deliveries(id)).toMatchObject([{ state: 'failed', status: 410, attempts: 1 }])
    expect(disabled).toEqual([`${id}: it answered 410: nobody is there any more`])
  })

  test('does not hold up another', async () => {
    const dead = await add(['message.sent'], 'http://127.0.0.1:1/')
    const other = await add()
    await sent(...Array.from({ length: 12 }, (_, i) => `m${i}`))
    while ((await step()) > 0);
    expect((await deliveries(other.id)).every(({ state }) => state === 'delivered')).toBe(true)
    expect(
      (await deliveries(dead.id)).every(({ state, status }) => state === 'waiting' && status === 0),
    ).toBe(true)
  })

  test('may be sent again what failed, under the same id', async () => {
    const { id } = await add()
    await sent('m1')
    receiver.next({ status: 410 })()
    await step()
    await store.transaction((tx) => changeWebhook(tx.workspace('main'), id, { state: 'active' }))
    expect(await store.transaction((tx) => replayFailed(tx.workspace('main'), id))).toBe(1)
    await step()
    const [delivery] = await deliveries(id)
    expect(delivery).toMatchObject({ state: 'delivered', attempts: 1 })
    expect(
      await store.transaction((tx) => replayDelivery(tx.workspace('main'), id, delivery!.delivery_id)),
    ).toBe(true)
    await step()
    expect(new Set(calls.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(calls).toHaveLength(3)
  })
})

test('a sender that died in the middle: another sends it when the lease has run out, and a late answer changes nothing', async () => {
  const { id } = await add()
  await sent('m1')
  receiver.next('hang')()
  expect(await sender.step()).toBe(1)
  const second = open()
  expect(await second.step()).toBe(0)
  clock.stepTo(clock.now() + minute)
  expect(await second.step()).toBe(1)
  await second.drain()
  expect(await deliveries(id)).toMatchObject([{ state: 'delivered', attempts: 2 }])
  await sender.drain()
  expect(await deliveries(id)).toMatchObject([{ state: 'delivered', attempts: 2, status: 204 }])
})

test('after a rotation both secrets sign for a day', async () => {
  const { id, secret } = await add()
  const rotated = await store.transaction((tx) => rotateSecret(tx.workspace('main'), id, clock.now()))
  await sent('m1')
  await step()
  clock.stepTo(clock.now() + day)
  await sent('m2')
  await step()
  const [both, one] = calls.map(({ headers, body }) => {
    const at = new Date(Number(headers['webhook-timestamp']) * 1000)
    const signatures = String(headers['webhook-signature']).split(' ')
    return [rotated!.secret, secret].map((own) =>
      signatures.includes(new Webhook(own).sign(String(headers['webhook-id']), at, body)),
    )
  })
  expect([both, one]).toEqual([
    [true, true],
    [true, false],
  ])
})

test('one that is removed takes its deliveries with it', async () => {
  const { id } = await add()
  await sent('m1')
  expect(await store.transaction((tx) => removeWebhook(tx.workspace('main'), id))).toBe(true)
  expect(await step()).toBe(0)
  expect(await deliveries(id)).toEqual([])
})
