import { afterEach, beforeEach, expect, test } from 'vitest'
import { type DoorWorld, installShop, openDoorWorld, shopYaml } from './door-world.ts'

let world: DoorWorld
beforeEach(async () => {
  world = await openDoorWorld()
})
afterEach(() => world.close())

test('a dry run shows the changes and makes none; applied again nothing changes', async () => {
  const dry = await world.call('POST', '/workspace-file', { yaml: shopYaml, dryRun: true })
  expect(dry).toMatchObject({ status: 200, body: { applied: false } })
  expect((await world.call('GET', '/campaigns')).body).toEqual({ items: [] })

  const applied = await world.call<{ versions: object[]; changes: { change: string; lines: string[] }[] }>(
    'POST',
    '/workspace-file',
    { yaml: shopYaml },
  )
  expect(applied.body.versions).toEqual([
    { campaignId: 'cart', version: 1 },
    { campaignId: 'history', version: 1 },
  ])
  expect(applied.body.changes.every(({ change, lines }) => change === 'create' && lines.length > 0)).toBe(
    true,
  )
  const again = await world.call<{ changes: { change: string }[] }>('POST', '/workspace-file', {
    yaml: shopYaml,
  })
  expect(again.body.changes.map(({ change }) => change)).toEqual(again.body.changes.map(() => 'unchanged'))
})

test('every fault of a definition is named, and nothing of the file is applied', async () => {
  const yaml = shopYaml
    .replace('goal: order', 'goal: sale')
    .replace('template: reminder', 'template: letter')
    .replace('{{customer.firstName}}, your', '{{#if}}, your')
  const refused = await world.call('POST', '/workspace-file', { yaml })
  expect(refused.headers.get('content-type')).toContain('application/problem+json')
  expect(refused).toMatchObject({ status: 422, body: { code: 'invalid_definition' } })
  const { faults } = refused.body as unknown as { faults: { field: string; detail: string }[] }
  expect(faults.map(({ field }) => field)).toEqual(
    expect.arrayContaining(['campaigns[0].goal', 'templates[0]']),
  )
  expect((await world.call('GET', '/campaigns')).body).toEqual({ items: [] })
  const noYaml = await world.call('POST', '/workspace-file', { yaml: 'goals: [' })
  expect(noYaml).toMatchObject({ status: 422, body: { code: 'invalid_definition' } })
})

test('a campaign goes through its life, each step a version by somebody', async () => {
  await world.call('POST', '/workspace-file', { yaml: shopYaml, actor: 'bea' })
  const early = await world.call('POST', '/campaigns/cart/launch')
  expect(early).toMatchObject({ status: 409, body: { code: 'campaign_not_approved' } })
  const steps = { submit: 'in-review', approve: 'approved', launch: 'live', pause: 'paused', end: 'ended' }
  for (const [step, state] of Object.entries(steps)) {
    const moved = await world.call('POST', `/campaigns/cart/${step}`, { actor: 'ann', note: `so ${step}` })
    expect(moved).toMatchObject({ status: 200, body: { id: 'cart', state, alreadySending: [] } })
  }
  const { body } = await world.call<{ history: { state: string; actor: string; note: string }[] }>(
    'GET',
    '/campaigns/cart',
  )
  expect(body).toMatchObject({ id: 'cart', state: 'ended', version: 6, spec: { goal: { id: 'order' } } })
  expect(body.history.map(({ state, actor }) => `${state} by ${actor}`)).toEqual([
    'draft by bea',
    'in-review by ann',
    'approved by ann',
    'live by ann',
    'paused by ann',
    'ended by ann',
  ])
  expect(await world.call('POST', '/campaigns/cart/pause')).toMatchObject({ status: 409 })
  expect(await world.call('GET', '/campaigns/none')).toMatchObject({
    status: 404,
    body: { code: 'not_found' },
  })
  expect(await world.call('POST', '/campaigns/cart/fly')).toMatchObject({ status: 400 })
})

test('a changed definition waits beside the version that runs', async () => {
  await installShop(world)
  await world.call('POST', '/workspace-file', { yaml: shopYaml.replace('value: 20', 'value: 25') })
  const { body } = await world.call<{ items: { id: string }[] }>('GET', '/campaigns')
  expect(body.items[0]).toEqual({
    id: 'cart',
    name: 'Cart reminder',
    state: 'live',
    version: 3,
    waiting: { version: 4, state: 'draft' },
  })
})

test('a pause lists what is being sent already, and nothing else of it goes out', async () => {
  await installShop(world)
  await world.identify('u1', { email: 'u1@example.com', firstName: 'Uma' })
  await world.engine.parts.store.transaction(async (tx) => {
    await tx
      .workspace('main')
      .bulkInsert('messages', [{ ...messageRow('m1'), state: 'sending' }, messageRow('m2')], 'fail')
  })
  const paused = await world.call('POST', '/campaigns/cart/pause', { actor: 'ann' })
  expect(paused.body).toMatchObject({ state: 'paused', alreadySending: ['m1'] })
})

function messageRow(id: string) {
  return {
    message_id: id,
    decision_id: `d-${id}`,
    decision_day_utc: 20_000,
    customer_id: 'c1',
    campaign_id: 'cart',
    campaign_version: 3,
    treatment_id: 'free-shipping/email',
    variant_id: 'plain',
    channel: 'email',
    address: 'u1@example.com',
    state: 'queued' as 'queued' | 'sending',
    reason: '',
    transactional: 0 as const,
    cost_micros: 10_000,
    created_at: 1,
    due_at: 1,
    expires_at: 2,
    sending_at: null,
    state_at: 1,
    attempts: 0,
    context_json: '{}',
    lease_owner: '',
    lease_until: 0,
  }
}

test('the report comes as JSON and as CSV', async () => {
  await installShop(world)
  const json = await world.call('GET', '/campaigns/cart/report')
  expect(json).toMatchObject({ status: 200, body: { campaignId: 'cart', state: 'live' } })
  const csv = await world.call<string>('GET', '/campaigns/cart/report?format=csv')
  expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8')
  expect(csv.body.split('\n')[0]).toContain('campaign_id,version,state')
  expect((await world.call('GET', '/campaigns/none/report')).status).toBe(404)
})

test('an arm is shipped by a person with a reason, once, and everybody can read why', async () => {
  await installShop(world)
  const { body: before } = await world.call<{ spec: { policy: { experiment: { arms: Arm[] } } } }>(
    'GET',
    '/campaigns/history',
  )
  const arm = before.spec.policy.experiment.arms.find(({ treatment }) => treatment !== undefined)!.id
  const early = await world.call('POST', '/campaigns/history/ship', { arm, actor: 'ann' })
  expect(early).toMatchObject({ status: 409, body: { code: 'experiment_not_decided' } })
  const gone = await world.call('POST', '/campaigns/gone/ship', { arm, actor: 'ann' })
  expect(gone).toMatchObject({ status: 404, body: { code: 'not_found' } })
  expect(await world.call('POST', '/campaigns/history/ship', {})).toMatchObject({ status: 400 })
  const shipped = await world.call('POST', '/campaigns/history/ship', {
    arm,
    actor: 'ann',
    note: 'the season begins',
    override: true,
  })
  expect(shipped).toMatchObject({ status: 200, body: { id: 'history', state: 'live' } })
  const { body } = await world.call<{ spec: object; history: { actor: string; note: string }[] }>(
    'GET',
    '/campaigns/history',
  )
  expect(body.spec).toMatchObject({ policy: { shipped: arm } })
  expect(body.history.at(-1)).toMatchObject({
    actor: 'ann',
    note: expect.stringContaining('the season begins'),
  })
})

interface Arm {
  id: string
  treatment?: string
}
