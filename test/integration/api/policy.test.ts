import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DoorWorld, openDoorWorld, shopYaml } from './door-world.ts'

let world: DoorWorld
beforeAll(async () => {
  world = await openDoorWorld()
  const yaml = shopYaml.replace(
    'policy: { kind: fixed-split, experiment: all }',
    'policy: { kind: inverse-gap }',
  )
  await world.call('POST', '/workspace-file', { yaml })
  const { body } = await world.call<{ items: { id: string }[] }>('GET', '/campaigns')
  for (const { id } of body.items) {
    for (const step of ['submit', 'approve', 'launch']) {
      await world.call('POST', `/campaigns/${id}/${step}`, { actor: 'ann' })
    }
  }
})
afterAll(() => world.close())

interface Listed {
  items: { id: string; manifest: { publishedBy: string } }[]
}

test('versions are listed and shown with their manifest', async () => {
  const { status, body } = await world.call<Listed>('GET', '/policy/versions')
  expect(status).toBe(200)
  expect(body.items[0]).toMatchObject({ manifest: { publishedBy: 'launch' } })
  const { id } = body.items[0]!
  expect(await world.call('GET', `/policy/versions/${id}`)).toMatchObject({ status: 200, body: { id } })
  expect(await world.call('GET', '/policy/versions/s9')).toMatchObject({ body: { code: 'not_found' } })
})

test('an evaluation over no decision is refused inside the answer', async () => {
  const answer = await world.call('POST', '/policy/evaluations', { campaign: 'cart', target: 'uniform' })
  expect(answer).toMatchObject({
    status: 200,
    body: { decisions: 0, logged: null, evaluation: { kind: 'refused', refusals: [{ reason: 'no_rows' }] } },
  })
  const split = await world.call('POST', '/policy/evaluations', { campaign: 'history', target: 'uniform' })
  expect(split).toMatchObject({ status: 409, body: { code: 'conflict' } })
})

test('a candidate is refused by the gate, and goes live by an override that names somebody', async () => {
  const policy = { kind: 'greedy', floor: 0.1 }
  const proposed = await world.call<{ id: string }>('POST', '/policy/candidates', { policy, note: 'try' })
  expect(proposed).toMatchObject({
    status: 201,
    body: { state: 'proposed', changes: 'policy', verdict: null },
  })
  const { id } = proposed.body
  const path = `/policy/candidates/${id}/promote`
  expect(await world.call('POST', path, {})).toMatchObject({ status: 409, body: { code: 'gate_refused' } })
  expect(await world.call('GET', `/policy/candidates/${id}`)).toMatchObject({
    body: { state: 'proposed', verdict: { passed: false } },
  })
  expect(await world.call('POST', path, { override: 'why' })).toMatchObject({ status: 400 })
  const promoted = await world.call<{ snapshotId: string }>('POST', path, { override: 'why', actor: 'bea' })
  expect(promoted.status).toBe(200)
  const { body } = await world.call<Listed>('GET', '/policy/versions?limit=1')
  expect(body.items[0]).toMatchObject({ id: promoted.body.snapshotId, manifest: { policy, from: id } })
})

test('a roll-back needs a reason, and names what it goes back to', async () => {
  expect(await world.call('POST', '/policy/rollback', {})).toMatchObject({ status: 400 })
  const rolled = await world.call<{ snapshotId: string }>('POST', '/policy/rollback', { reason: 'lost' })
  expect(rolled.status).toBe(200)
  expect(await world.call('GET', `/policy/versions/${rolled.body.snapshotId}`)).toMatchObject({
    body: { manifest: { publishedBy: 'rollback' } },
  })
})

test('settings of the gate: shown, changed, and never below what it stands for', async () => {
  const settings = {
    automatic: false,
    effectiveRowsMin: 1_000,
    lossMaxShare: 0.02,
    forgetHalfLifeDays: null as number | null,
  }
  expect((await world.call('GET', '/policy/settings')).body).toEqual(settings)
  const changed = await world.call('PATCH', '/policy/settings', { automatic: true })
  expect(changed.body).toEqual({ ...settings, automatic: true })
  const forgetting = await world.call('PATCH', '/policy/settings', { forgetHalfLifeDays: 30 })
  expect(forgetting.body).toEqual({ ...settings, automatic: true, forgetHalfLifeDays: 30 })
  expect(await world.call('PATCH', '/policy/settings', { forgetHalfLifeDays: 0 })).toMatchObject({
    status: 400,
  })
  const keeping = await world.call('PATCH', '/policy/settings', { forgetHalfLifeDays: null })
  expect(keeping.body).toEqual({ ...settings, automatic: true })
  expect(await world.call('PATCH', '/policy/settings', { effectiveRowsMin: 10 })).toMatchObject({
    status: 400,
  })
})
