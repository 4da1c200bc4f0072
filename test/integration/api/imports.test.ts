import { afterEach, beforeEach, expect, test } from 'vitest'
import { type DoorWorld, installShop, openDoorWorld } from './door-world.ts'

let world: DoorWorld
beforeEach(async () => {
  world = await openDoorWorld()
  await installShop(world)
})
afterEach(() => world.close())

async function eventCount(): Promise<number> {
  const db = world.engine.parts.store.read.workspace('main')
  return (await db.selectFrom('events').select('events.event_id').execute()).length
}

test('customers come in with typed traits, each line once, and trigger nothing', async () => {
  const csv = [
    'userId,email,firstName,age:number,vip:boolean,address.city,note',
    'u1,U1@Example.com,Uma,31,true,Pune,"two',
    'lines"',
    'u2,,Una,,,,',
    ',x@example.com,Nobody,1,true,,',
    'u3,x@example.com,Uri,old,true,,',
    'u4,x@example.com',
  ].join('\n')
  const { body } = await world.call('POST', '/imports/customers', csv)
  expect(body).toMatchObject({
    imported: 2,
    refused: [
      { line: 5, field: 'userId' },
      { line: 6, field: 'age:number' },
      { line: 7, field: '' },
    ],
  })
  await world.engine.drain()
  const u1 = await world.call('GET', '/customers/u1')
  expect(u1.body).toMatchObject({
    profile: {
      email: 'u1@example.com',
      traits: { firstName: 'Uma', age: 31, vip: true, address: { city: 'Pune' }, note: 'two\nlines' },
    },
    messages: [],
  })
  expect((await world.call('GET', '/customers/u2')).body).toMatchObject({
    profile: { traits: { firstName: 'Una' } },
  })
  const before = await eventCount()
  world.clock.stepTo(world.clock.now() + 1000)
  await world.call('POST', '/imports/customers', csv)
  await world.engine.drain()
  expect(await eventCount()).toBe(before)
})

test('an import triggers nothing, where the same said by an event does', async () => {
  const yaml = `campaigns:
  - id: hello
    name: Hello
    goal: order
    trigger: { event: identify }
    holdout: 0
    policy: { kind: fixed-split, experiment: all }
    treatments: [{ offer: free-shipping, channel: email, variants: [{ id: plain, template: reminder }] }]`
  await world.call('POST', '/workspace-file', { yaml })
  for (const step of ['approve', 'launch'])
    await world.call('POST', `/campaigns/hello/${step}`, { actor: 'ann' })
  await world.call('POST', '/imports/customers', 'userId,email,firstName\nu1,u1@example.com,Uma\n')
  await world.engine.drain()
  expect((await world.call('GET', '/customers/u1')).body).toMatchObject({ messages: [], assignments: [] })
  await world.identify('u1', { plan: 'gold' })
  expect((await world.call('GET', '/customers/u1')).body).toMatchObject({
    messages: [{ campaignId: 'hello' }],
  })
})

test('a header that lacks a column, names one twice or names a prototype is refused', async () => {
  for (const header of ['email', 'userId,plan,plan', 'userId,__proto__.polluted', 'userId,a.constructor']) {
    expect(await world.call('POST', '/imports/customers', `${header}\na,b,c`)).toMatchObject({
      status: 400,
      body: { code: 'invalid_request', field: 'header' },
    })
  }
  expect(await world.call('POST', '/imports/customers', 'userId\n"a')).toMatchObject({ status: 400 })
  const many = `userId\n${'u\n'.repeat(5001)}`
  expect(await world.call('POST', '/imports/customers', many)).toMatchObject({
    status: 413,
    body: { code: 'body_too_large' },
  })
})

test('recorded decisions count in the report; lines that do not fit are named', async () => {
  const at = new Date(world.clock.now() - 86_400_000).toISOString()
  const csv = [
    'userId,campaign,arm,propensity,decidedAt',
    `u1,history,mail,0.5,${at}`,
    `u2,history,none,0.5,${at}`,
    `u3,history,letter,0.5,${at}`,
    `u4,history,mail,0.9,${at}`,
    `u5,nothing,mail,0.5,${at}`,
    'u6,history,mail,0.5,yesterday',
    `u7,history,mail,half,${at}`,
  ].join('\n')
  for (let times = 0; times < 2; times++) {
    expect((await world.call('POST', '/imports/decisions', csv)).body).toMatchObject({
      imported: 2,
      refused: [
        { line: 4, field: 'arm' },
        { line: 5, field: 'propensity' },
        { line: 6, field: 'campaign' },
        { line: 7, field: 'decidedAt' },
        { line: 8, field: 'propensity' },
      ],
    })
  }
  const { body } = await world.call<{ population: { customers: number } }>('GET', '/campaigns/history/report')
  expect(JSON.stringify(body)).toContain('"mail"')
  const assigned = await world.engine.parts.store.read
    .workspace('main')
    .selectFrom('assignments')
    .select(['assignments.arm'])
    .execute()
  expect(assigned.map(({ arm }) => arm).sort()).toEqual(['mail', 'none'])
})

test('suppressions are in force when the import is answered', async () => {
  const csv = 'channel,address,reason\nemail,U1@example.com,complaint\npigeon,x,\nsms,+49170,\n'
  expect((await world.call('POST', '/imports/suppressions', csv)).body).toMatchObject({
    imported: 2,
    refused: [{ line: 3, field: 'channel' }],
    alreadySending: [],
  })
  await world.identify('u1', { email: 'u1@example.com', firstName: 'Uma' })
  await world.track('u1', 'Cart Abandoned')
  expect((await world.call('GET', '/customers/u1')).body).toMatchObject({ messages: [] })
  expect((await world.call('GET', '/suppressions')).body).toMatchObject({
    items: [
      { channel: 'email', address: 'u1@example.com', reason: 'complaint' },
      { channel: 'sms', address: '+49170', reason: 'import' },
    ],
  })
})

test('suppressions that were exported come in again as they were', async () => {
  const facts = [
    'email,"a,b@example.com",complaint,"said ""stop""",2026-01-02T03:04:05.678Z',
    'sms,+4915112345678,stop-word,,2026-01-02T03:04:05.679Z',
  ]
  const csv = `channel,address,reason,detail,createdAt\n${facts.join('\n')}\n`
  expect((await world.call('POST', '/imports/suppressions', csv)).body).toMatchObject({
    imported: 2,
    refused: [],
  })
  const exported = await world.call<string>('GET', '/exports/suppressions')
  expect(exported.headers.get('content-type')).toBe('text/csv; charset=utf-8')
  expect(exported.body).toBe(csv)
  const bad = 'channel,address,createdAt\nfax,1,\nemail,x@example.com,yesterday\n'
  expect((await world.call('POST', '/imports/suppressions', bad)).body).toMatchObject({
    imported: 0,
    refused: [
      { line: 2, field: 'channel' },
      { line: 3, field: 'createdAt' },
    ],
  })
})
