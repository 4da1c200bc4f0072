import { afterEach, beforeEach, expect, test } from 'vitest'
import { startSmtpServer } from '../../unit/action/smtp-servers.ts'
import { type DoorWorld, installShop, openDoorWorld } from './door-world.ts'

let world: DoorWorld
let server: Awaited<ReturnType<typeof startSmtpServer>>
beforeEach(async () => {
  server = await startSmtpServer()
  const slow = { id: 'slow', kind: 'smtp', weight: 1, callsPerSecondMax: 0.01, settings: server.settings }
  world = await openDoorWorld({ settings: { providers: [slow] } })
  await installShop(world)
  await world.call('PATCH', '/workspace', { sendMode: 'live' })
  for (const user of ['u1', 'u2', 'u3', 'u4']) {
    await world.identify(user, { email: `${user}@example.com`, firstName: user })
    await world.track(user, 'Cart Abandoned')
  }
})
afterEach(async () => {
  await world.close()
  await server.close()
})

interface Line {
  line: string
  messages: number
  nextAt: number
  expectedAt: number
}

test('messages beyond a provider’s rate are seen in line, each with the time at which it is expected to go', async () => {
  expect(server.received.map(({ to }) => to)).toEqual(['u1@example.com'])
  const { waiting } = (await world.call<{ waiting: Line[] }>('GET', '/status')).body
  expect(waiting).toMatchObject([{ line: 'slow', messages: 3 }])
  const [line] = waiting
  expect(line!.nextAt - world.clock.now()).toBeGreaterThan(90_000)
  // A call every hundred seconds, by a clock that went on meanwhile.
  expect(line!.expectedAt - line!.nextAt).toBeGreaterThan(150_000)
  const { items } = (
    await world.call<{
      items: { customerId: string; dueAt: number; expectedAt: number | null; reason: string }[]
    }>('GET', '/messages?state=queued')
  ).body
  expect(items.map(({ reason }) => reason)).toEqual(Array(3).fill('waiting: slow'))
  // Newest first: who came last goes last.
  expect(items.map(({ expectedAt }) => expectedAt)).toEqual(
    items.map(({ dueAt }) => dueAt).sort((a, b) => b - a),
  )
  expect(items[0]!.expectedAt).toBe(line!.expectedAt)
})
