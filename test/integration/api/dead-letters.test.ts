import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Script, startScriptedServer } from '../../unit/action/smtp-servers.ts'
import { type DoorWorld, installShop, openDoorWorld } from './door-world.ts'

let world: DoorWorld
let server: Awaited<ReturnType<typeof startScriptedServer>>
let script: Script
beforeEach(async () => {
  script = { rcpt: '550 5.7.1 sender blocked' }
  server = await startScriptedServer(script)
  world = await openDoorWorld({
    settings: { providers: [{ id: 'main', kind: 'smtp', weight: 1, settings: server.settings }] },
  })
  await installShop(world)
  await world.call('PATCH', '/workspace', { sendMode: 'live' })
  for (const user of ['u1', 'u2', 'u3']) {
    await world.identify(user, { email: `${user}@example.com`, firstName: user })
    await world.track(user, 'Cart Abandoned')
  }
})
afterEach(async () => {
  await world.close()
  await server.close()
})

interface Letter {
  messageId: string
  state: string
  provider: string
  reason: string
}
const letters = async (query = ''): Promise<Letter[]> =>
  (await world.call<{ items: Letter[] }>('GET', `/dead-letters${query}`)).body.items
const change = async (step: 'retry' | 'drop', body: object) =>
  (
    await world.call<{ changed: string[]; refused: object[]; more: boolean }>(
      'POST',
      `/dead-letters/${step}`,
      body,
    )
  ).body

test('a message refused for good is listed with who refused it and why, and shown with its attempts', async () => {
  const found = await letters()
  expect(found).toHaveLength(3)
  expect(found[0]).toMatchObject({
    state: 'open',
    provider: 'main',
    reason: expect.stringContaining('sender blocked'),
  })
  expect((await world.call('GET', '/status')).body).toMatchObject({
    deadLetters: 3,
    messages: { failed: 3 },
    providers: expect.arrayContaining([
      expect.objectContaining({ id: 'main', channel: 'email', state: 'closed', senders: 1, sendersOut: 0 }),
    ]),
    waiting: [],
  })
  const { body } = await world.call('GET', `/dead-letters/${found[0]!.messageId}`)
  expect(body).toMatchObject({
    message: { state: 'failed', attemptsMade: [{ provider: 'main', result: 'permanent' }] },
  })
  expect(await letters('?provider=other')).toEqual([])
  expect((await world.call('GET', '/dead-letters/none')).status).toBe(404)
})

test('retried it goes through the claim again; failed again it is open again', async () => {
  const [first, second] = await letters()
  expect((await change('retry', { ids: [first!.messageId], note: 'once more' })).changed).toEqual([
    first!.messageId,
  ])
  await world.engine.drain()
  expect(await letters()).toHaveLength(3)
  Object.assign(script, { rcpt: '250 ok' })
  // Whoever said no meanwhile gets nothing.
  await world.call('PUT', '/customers/u2/consents/email', { state: 'denied', source: 'test' })
  expect(await change('retry', {})).toMatchObject({ refused: [], more: false, changed: { length: 3 } })
  await world.engine.drain()
  expect(await letters()).toEqual([])
  const counts = (await world.call<{ messages: object }>('GET', '/status')).body.messages
  expect(counts).toMatchObject({ sent: 2, lapsed: 1, failed: 0 })
  const again = await change('retry', { ids: [second!.messageId] })
  expect(again.refused).toMatchObject([{ code: 'conflict' }])
  expect((await world.call<{ differences: object[] }>('GET', '/verify')).body.differences).toEqual([])
})

test('dropped it stays failed, is open no more, and says who dropped it', async () => {
  const [first] = await letters()
  await change('drop', { ids: [first!.messageId, 'none'], note: 'wrong list', actor: 'ann' })
  expect(await letters()).toHaveLength(2)
  expect(await letters('?state=dropped')).toMatchObject([
    { messageId: first!.messageId, actor: 'ann', note: 'wrong list' },
  ])
  expect((await world.call('GET', `/messages/${first!.messageId}`)).body).toMatchObject({ state: 'failed' })
})

test('a list is cut into pages', async () => {
  const page = await world.call<{ items: Letter[]; nextCursor: string }>('GET', '/dead-letters?limit=2')
  const rest = await letters(`?limit=2&cursor=${page.body.nextCursor}`)
  expect(new Set([...page.body.items, ...rest].map(({ messageId }) => messageId)).size).toBe(3)
})
