import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DoorWorld, openDoorWorld } from './door-world.ts'

interface Webhook {
  webhookId: string
  url: string
  events: string[]
  state: string
}
let world: DoorWorld
const url = 'https://crm.example/hook'

beforeAll(async () => {
  world = await openDoorWorld()
})
afterAll(() => world.close())

test('a webhook is made with a secret that is shown once, changed, rotated and removed', async () => {
  const made = await world.call<{ webhook: Webhook; secret: string }>('POST', '/webhooks', {
    url,
    events: ['message.sent'],
  })
  expect(made.status).toBe(201)
  expect(made.body.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
  const { webhookId } = made.body.webhook
  const listed = await world.call<{ items: Webhook[] }>('GET', '/webhooks')
  expect(listed.body.items).toMatchObject([{ webhookId, url, events: ['message.sent'], state: 'active' }])
  expect(JSON.stringify(listed.body)).not.toContain('whsec_')

  const changed = await world.call<Webhook>('PATCH', `/webhooks/${webhookId}`, { state: 'disabled' })
  expect(changed.body).toMatchObject({ state: 'disabled', reason: 'by an operator' })
  const rotated = await world.call<{ secret: string }>('POST', `/webhooks/${webhookId}/rotate`)
  expect(rotated.body.secret).not.toBe(made.body.secret)

  expect((await world.call('DELETE', `/webhooks/${webhookId}`)).body).toEqual({ removed: true })
  for (const [method, path] of [
    ['PATCH', ''],
    ['DELETE', ''],
    ['POST', '/rotate'],
    ['GET', '/deliveries'],
    ['POST', '/deliveries/x/replay'],
  ] as const) {
    const answer = await world.call(
      method,
      `/webhooks/${webhookId}${path}`,
      method === 'PATCH' ? {} : undefined,
    )
    expect({ path, status: answer.status }).toEqual({ path, status: 404 })
  }
  const audit = await world.engine.parts.store.read
    .workspace('main')
    .selectFrom('audit')
    .selectAll()
    .execute()
  expect(audit.map(({ action }) => action)).toEqual(
    expect.arrayContaining(['webhook.create', 'webhook.change', 'webhook.rotate', 'webhook.remove']),
  )
})

test.each([
  'http://127.0.0.1:9000/',
  'http://169.254.169.254/latest/meta-data/',
  'http://[::1]/',
  'http://localhost/',
  'http://2130706433/',
  'ftp://crm.example/',
  'https://me:secret@crm.example/',
  'crm.example',
])('%s is refused', async (bad) => {
  const answer = await world.call<{ code: string; field: string }>('POST', '/webhooks', { url: bad })
  expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request', field: 'url' } })
})

test('an event that nobody knows is refused, and so is a 21st webhook', async () => {
  expect((await world.call('POST', '/webhooks', { url, events: ['message.eaten'] })).status).toBe(400)
  for (let i = 0; i < 20; i++) expect((await world.call('POST', '/webhooks', { url })).status).toBe(201)
  expect((await world.call<{ code: string }>('POST', '/webhooks', { url })).body.code).toBe('conflict')
})
