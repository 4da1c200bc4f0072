import { afterEach, beforeEach, expect, test } from 'vitest'
import { type DoorWorld, installShop, openDoorWorld } from './door-world.ts'

let world: DoorWorld
beforeEach(async () => {
  world = await openDoorWorld()
  await installShop(world)
  await world.identify('u1', { email: 'u1@example.com', firstName: 'Uma' })
  await world.track('u1', 'Cart Abandoned')
})
afterEach(() => world.close())

interface Message {
  id: string
  decisionId: string
  state: string
}
interface Page {
  items: Message[]
  nextCursor: string | null
}

async function onlyMessage(): Promise<Message> {
  const { items } = (await world.call<Page>('GET', '/messages?customer=u1')).body
  expect(items).toHaveLength(1)
  return items[0] as Message
}

async function setState(id: string, state: 'unknown' | 'sending'): Promise<void> {
  await world.engine.parts.store.transaction(async (tx) => {
    const db = tx.workspace('main')
    await db.updateTable('messages').set({ state }).where('messages.message_id', '=', id).execute()
  })
}

test('messages are listed by state, campaign and customer, page by page', async () => {
  await world.identify('u2', { email: 'u2@example.com', firstName: 'Una' })
  await world.track('u2', 'Cart Abandoned')
  expect((await world.call<Page>('GET', '/messages?state=sent&campaign=cart')).body.items).toHaveLength(2)
  expect((await world.call<Page>('GET', '/messages?state=queued')).body.items).toEqual([])
  expect((await world.call<Page>('GET', '/messages?campaign=history')).body.items).toEqual([])
  const first = (await world.call<Page>('GET', '/messages?limit=1')).body
  const second = (await world.call<Page>('GET', `/messages?limit=1&cursor=${first.nextCursor}`)).body
  expect(new Set([...first.items, ...second.items].map(({ id }) => id)).size).toBe(2)
  expect(second.nextCursor).toBeNull()
})

test('a message tells all that happened to it', async () => {
  const { id } = await onlyMessage()
  const { body } = await world.call('GET', `/messages/${id}`)
  expect(body).toMatchObject({
    state: 'sent',
    transitions: [{ state: 'queued' }, { state: 'sending' }, { state: 'sent' }],
    attemptsMade: [{ attempt: 1, provider: 'outbox', result: 'sent' }],
  })
  expect(await world.call('GET', '/messages/none')).toMatchObject({ status: 404 })
})

test('a decision is explained by its id and by its message’s, and replays to the same bytes', async () => {
  const { id, decisionId } = await onlyMessage()
  const byDecision = await world.call('GET', `/decisions/${decisionId}`)
  expect(byDecision.body).toMatchObject({
    decisionId,
    outcome: 'treatment',
    propensity: 1,
    messageIds: [id],
    funnel: { candidates: 1, chosen: 1 },
    campaigns: [{ campaignId: 'cart', arm: 'mail', heldOut: false }],
    drawn: [{ treatmentId: 'free-shipping/email', isChosen: true }],
  })
  expect((await world.call('GET', `/decisions/${id}`)).body).toEqual(byDecision.body)
  expect((await world.call('POST', `/decisions/${decisionId}/replay`)).body).toEqual({
    decisionId,
    identical: true,
    sameChoice: true,
    engineVersion: null,
  })
  expect(await world.call('GET', '/decisions/none')).toMatchObject({ status: 404 })
})

test('a decision is made again with one input changed, and nothing is stored', async () => {
  const { decisionId } = await onlyMessage()
  const stored = await world.call('GET', `/decisions/${decisionId}`)
  const path = `/decisions/${decisionId}/what-if`
  const change = { kind: 'cost', campaignId: 'cart', treatmentId: 'free-shipping/email', to: 3 }
  const answer = await world.call<{ before: object; after: object }>('POST', path, { change })
  expect(answer).toMatchObject({ status: 200, body: { before: { decisionId }, after: { decisionId } } })
  const unknown = { kind: 'feature', name: 'shoe size', value: 1 }
  expect(await world.call('POST', path, { change: unknown })).toMatchObject({
    status: 400,
    body: { code: 'invalid_request', field: 'change' },
  })
  expect(await world.call('POST', '/decisions/none/what-if', { change })).toMatchObject({ status: 404 })
  expect(await world.call('GET', `/decisions/${decisionId}`)).toEqual(stored)
})

test('a record that was changed does not replay to itself', async () => {
  const { decisionId } = await onlyMessage()
  await world.engine.parts.store.transaction(async (tx) => {
    const db = tx.workspace('main')
    const row = await db.selectFrom('decisions').selectAll('decisions').executeTakeFirstOrThrow()
    const record = Buffer.from(row.record)
    // The last byte belongs to the choice, which a replay makes anew.
    record[record.length - 1] = (record.at(-1) ?? 0) ^ 1
    await db.updateTable('decisions').set({ record }).execute()
  })
  const { body } = await world.call<{ identical?: boolean }>('POST', `/decisions/${decisionId}/replay`)
  expect(body.identical).not.toBe(true)
})

test('an unknown message is resolved once, by somebody, with a reason', async () => {
  const { id } = await onlyMessage()
  expect(
    await world.call('POST', `/messages/${id}/resolve`, { state: 'sent', reason: 'seen' }),
  ).toMatchObject({
    status: 409,
    body: { code: 'conflict' },
  })
  await setState(id, 'unknown')
  const resolved = await world.call('POST', `/messages/${id}/resolve`, {
    state: 'failed',
    reason: 'not in the provider’s log',
    actor: 'ann',
  })
  expect(resolved.body).toMatchObject({ state: 'failed', reason: 'not in the provider’s log' })
  const audit = await world.engine.parts.store.read
    .workspace('main')
    .selectFrom('audit')
    .select(['audit.actor', 'audit.action', 'audit.target'])
    .where('audit.action', '=', 'message.failed')
    .execute()
  expect(audit).toEqual([{ actor: 'ann', action: 'message.failed', target: id }])
  expect(
    await world.call('POST', `/messages/${id}/resolve`, { state: 'sent', reason: 'seen' }),
  ).toMatchObject({
    status: 409,
  })
})

test('resolved to sent, its window opens from the send on and takes the conversion that came since', async () => {
  const { id } = await onlyMessage()
  const { store } = world.engine.parts
  await store.transaction(async (tx) => {
    await tx.workspace('main').deleteFrom('exposures').execute()
  })
  await setState(id, 'unknown')
  world.clock.stepTo(world.clock.now() + 60_000)
  await world.track('u1', 'Order Completed', { revenue: 30, currency: 'EUR' })
  world.clock.stepTo(world.clock.now() + 60_000)
  await world.call('POST', `/messages/${id}/resolve`, { state: 'sent', reason: 'in the provider’s log' })
  const db = store.read.workspace('main')
  const message = await db.selectFrom('messages').select('messages.sending_at').executeTakeFirstOrThrow()
  const exposures = () => db.selectFrom('exposures').selectAll('exposures').execute()
  expect(await exposures()).toMatchObject([{ state: 'converted', exposed_at: message.sending_at }])
  world.clock.stepTo(world.clock.now() + 25 * 3_600_000)
  await world.engine.drain()
  expect(await exposures()).toMatchObject([{ state: 'credited' }])
  expect(await db.selectFrom('rewards').select(['rewards.y', 'rewards.kind']).execute()).toEqual([
    { y: 1, kind: 'reward' },
  ])
})

test('a template is shown as a customer would get it, gaps named', async () => {
  const known = await world.call('POST', '/templates/preview', {
    templateId: 'reminder',
    customer: 'u1',
    offerId: 'free-shipping',
  })
  expect(known.body).toMatchObject({
    content: { subject: 'Uma, your cart is waiting', text: expect.stringContaining('Free shipping') },
    missing: [],
    faults: [],
  })
  const template = { id: 'x', channel: 'email', subject: 'Hi {{customer.nickname}}', text: 'x' }
  expect((await world.call('POST', '/templates/preview', { template, customer: 'u1' })).body).toMatchObject({
    content: { subject: 'Hi ⟨customer.nickname⟩' },
    missing: ['customer.nickname'],
  })
  const broken = { ...template, subject: '{{#if}}' }
  expect(
    (await world.call('POST', '/templates/preview', { template: broken, customer: 'u1' })).body,
  ).toMatchObject({
    content: null,
    faults: [expect.any(String)],
  })
  expect(await world.call('POST', '/templates/preview', { template, customer: 'nobody' })).toMatchObject({
    status: 404,
  })
})
