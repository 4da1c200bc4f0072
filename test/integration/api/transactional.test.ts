import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adminKey, type Called, type DoorWorld, openDoorWorld } from './door-world.ts'

const yaml = `
goals: [{ id: order, event: Order Completed, windowHours: 48 }]
offers: [{ id: tea, name: Tea }]
templates:
  - { id: hello, channel: email, subject: Hello, text: Hello }
  - id: code
    channel: email
    kind: transactional
    subject: "{{data.code}} is your code"
    html: '<p>Hello {{customer.firstName}}: {{data.code}}, <a href="https://shop.example/">shop</a></p>'
    defaults: { customer.firstName: you }
  - { id: ring, channel: sms, kind: transactional, text: "{{data.code}}" }
experiments:
  - { id: all, arms: [{ id: a, share: 0.5, control: true, treatment: tea/email }, { id: b, share: 0.5, treatment: tea/email }] }
guardrails:
  frequencyCaps: [{ sendsMax: 1, window: { hours: 24 } }]
  quietHours: { from: "00:00", until: "23:59" }
  globalHoldout: 1
  consentRequired: [email]
campaigns:
  - id: welcome
    name: Welcome
    goal: order
    trigger: { event: Signed Up }
    policy: { kind: fixed-split, experiment: all }
    treatments: [{ offer: tea, channel: email, variants: [{ id: a, template: hello }] }]
`

interface Queued {
  id: string
  state: string
  repeated: boolean
}

let world: DoorWorld
let keys = 0
beforeAll(async () => {
  world = await openDoorWorld()
  const applied = await world.call('POST', '/workspace-file', { yaml })
  expect(applied.status).toBe(200)
  await world.identify('u1', { email: 'u1@example.com', firstName: '<Uma>' })
})
afterAll(() => world.close())

async function send(
  body: object,
  key = `k${++keys}`,
): Promise<Called<Queued & { code: string; field: string }>> {
  const response = await fetch(`${world.url}/api/v1/messages`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${adminKey}`,
      'content-type': 'application/json',
      ...(key === '' ? {} : { 'idempotency-key': key }),
    },
    body: JSON.stringify(body),
  })
  return { status: response.status, headers: response.headers, body: (await response.json()) as never }
}

async function stateOf(id: string): Promise<string> {
  await world.engine.drain()
  const { state, reason } = (await world.call<{ state: string; reason: string }>('GET', `/messages/${id}`))
    .body
  return `${state} ${reason}`.trim()
}

async function outboxOf(id: string) {
  const db = world.engine.parts.store.read.workspace('main')
  return db.selectFrom('outbox').selectAll('outbox').where('outbox.message_id', '=', id).executeTakeFirst()
}

const code = { template: 'code', to: { customer: 'u1' }, data: { code: '417' } }

describe('a transactional message', () => {
  test('goes out past caps, quiet hours, holdout and consent, to the customer as they are now', async () => {
    await world.call('PUT', '/customers/u1/consents/email', { state: 'denied' })
    const ids: string[] = []
    for (let i = 0; i < 3; i++) {
      const answer = await send(code)
      expect([answer.status, answer.body.state]).toEqual([202, 'queued'])
      expect(answer.headers.get('location')).toBe(`/api/v1/messages/${answer.body.id}`)
      ids.push(answer.body.id)
    }
    for (const id of ids) expect(await stateOf(id)).toBe('sent')
    const mail = await outboxOf(ids[0]!)
    expect(mail).toMatchObject({ subject: '417 is your code', address: 'u1@example.com' })
    expect(mail!.html).toContain('Hello &lt;Uma&gt;: 417')
    expect(JSON.parse(mail!.headers_json)).not.toHaveProperty('List-Unsubscribe')
  })

  test('is never sent past a suppression or the kill switch', async () => {
    await world.call('POST', '/suppressions', {
      channel: 'email',
      address: 'gone@example.com',
      reason: 'hard-bounce',
    })
    const to = { address: 'Gone@example.com' }
    const { id } = (await send({ ...code, to })).body
    expect(await stateOf(id)).toBe('lapsed suppression:address_suppressed')
    await world.call('PATCH', '/workspace', { killSwitch: true })
    const stopped = (await send(code)).body
    expect(await stateOf(stopped.id)).toBe('lapsed kill-switch:kill_switch')
    await world.call('PATCH', '/workspace', { killSwitch: false })
  })

  test('goes to an address of nobody, and to a customer at another address', async () => {
    const nobody = (await send({ ...code, to: { address: 'New@Example.com' } })).body
    expect(await stateOf(nobody.id)).toBe('sent')
    expect(await outboxOf(nobody.id)).toMatchObject({ address: 'new@example.com' })
    expect((await outboxOf(nobody.id))!.html).toContain('Hello you')
    const other = (await send({ ...code, to: { customer: 'u1', address: 'work@example.com' } })).body
    await world.engine.drain()
    expect(await outboxOf(other.id)).toMatchObject({ address: 'work@example.com' })
    const ring = (await send({ template: 'ring', to: { address: '+4915112345678' }, data: { code: 1 } })).body
    expect(await stateOf(ring.id)).toBe('sent')
  })

  test('leaves a ledger that adds up', async () => {
    const report = await world.call<{ differences: object[] }>('POST', '/verify', {})
    expect([report.status, report.body]).toMatchObject([200, { differences: [] }])
  })
})

describe('the key', () => {
  test('gives the same message, however often and however much at once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => send(code, 'same')))
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
    expect(answers.filter(({ body }) => !body.repeated)).toHaveLength(1)
    const { id } = answers[0]!.body
    await world.engine.drain()
    expect((await send({ ...code, data: { code: '417' } }, 'same')).body).toEqual({
      id,
      state: 'queued',
      repeated: true,
    })
    expect(await stateOf(id)).toBe('sent')
  })

  test('stands for one body: of several at once, the others are conflicts', async () => {
    const bodies = Array.from({ length: 8 }, (_, i) => ({ ...code, data: { code: `${i}` } }))
    const answers = await Promise.all(bodies.map((body) => send(body, 'contested')))
    expect(answers.map(({ status }) => status).sort()).toEqual([202, ...Array(7).fill(409)])
  })

  test('stands for one body: another one is a conflict', async () => {
    const answer = await send({ ...code, data: { code: '418' } }, 'same')
    expect([answer.status, answer.body.code]).toEqual([409, 'idempotency_key_reused'])
  })

  test('is asked for', async () => {
    const answer = await send(code, '')
    expect([answer.status, answer.body.code, answer.body.field]).toEqual([
      400,
      'invalid_request',
      'idempotency-key',
    ])
  })
})

describe('what is refused', () => {
  test.each([
    ['a template for marketing', { ...code, template: 'hello' }, 'template'],
    ['a template that there is not', { ...code, template: 'none' }, 'template'],
    ['nobody', { ...code, to: {} }, 'to'],
    ['somebody not known, without an address', { ...code, to: { customer: 'u9' } }, 'to.customer'],
    ['an address that is none', { ...code, to: { address: 'a b@example.com' } }, 'to.address'],
    ['a number without its country', { ...code, template: 'ring', to: { address: '0151' } }, 'to.address'],
    ['data that lacks what the template prints', { ...code, data: {} }, 'data'],
  ])('%s', async (_name, body, field) => {
    const answer = await send(body)
    expect([answer.status, answer.body.code, answer.body.field]).toEqual([400, 'invalid_request', field])
  })
})

test('a batch sends each by itself', async () => {
  const messages = [
    { ...code, idempotencyKey: 'b1' },
    { ...code, idempotencyKey: 'b2', data: {} },
    { ...code, idempotencyKey: 'b1' },
    { ...code, idempotencyKey: 'b1', data: { code: 'other' } },
  ]
  const answer = await world.call<{ messages: object[] }>('POST', '/messages/batch', { messages })
  expect(answer.status).toBe(202)
  expect(answer.body.messages).toMatchObject([
    { state: 'queued', repeated: false },
    { problem: { code: 'invalid_request', field: 'data' } },
    { state: 'queued', repeated: true },
    { problem: { code: 'idempotency_key_reused', status: 409 } },
  ])
  const tooMany = Array.from({ length: 101 }, (_, i) => ({ ...code, idempotencyKey: `c${i}` }))
  expect((await world.call('POST', '/messages/batch', { messages: tooMany })).status).toBe(400)
})

// From here on the workspace has a country.
test('a text message goes to a number as people write it, by the country of the workspace', async () => {
  const ring = (to: object) => send({ template: 'ring', to, data: { code: 1 } })
  await world.identify('u2', { phone: '0151 1234 5679' })
  const before = await ring({ address: '0151 12345678' })
  expect([before.status, before.body.field]).toEqual([400, 'to.address'])
  expect((await ring({ customer: 'u2' })).body.field).toBe('to.customer')
  await world.call('PATCH', '/workspace', { country: 'DE' })
  const numbers = []
  for (const to of [{ address: '0151 12345678' }, { customer: 'u2' }, { address: '+44 7400 123456' }]) {
    const { id } = (await ring(to)).body
    expect(await stateOf(id)).toBe('sent')
    numbers.push((await outboxOf(id))!.address)
  }
  expect(numbers).toEqual(['+4915112345678', '+4915112345679', '+447400123456'])
})
