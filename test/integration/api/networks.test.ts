import { afterEach, beforeEach, expect, test } from 'vitest'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { type DoorWorld, installShop, openDoorWorld, writeKey } from './door-world.ts'

let world: DoorWorld
beforeEach(async () => {
  world = await openDoorWorld()
  await installShop(world)
})
afterEach(() => world.close())

const dayMs = 86_400_000

interface Network {
  modelId: string
  state: string
  progress: { reason?: string }
  files: string[]
  card: { heads: { name: string; metrics: { auc: number; ece: number } }[] } | null
}

/** Half of them look and buy, the other half look; all of it 100 days back, sent now. */
async function sendPast(customers: number): Promise<void> {
  const random = createSeededRandom(3)
  const now = world.clock.now()
  const batch: object[] = []
  for (let index = 0; index < customers; index += 1) {
    const userId = `p${index}`
    const buys = index % 2 === 0
    let at = now - 100 * dayMs
    batch.push({
      type: 'identify',
      userId,
      messageId: `${userId}-i`,
      timestamp: new Date(at),
      traits: { plan: 'x' },
    })
    for (let visit = 0; visit < 14; visit += 1) {
      at += random.next() * 12 * dayMs
      if (at >= now - 2 * dayMs) break
      const bought = buys && random.next() < 0.7
      batch.push({
        type: 'track',
        userId,
        messageId: `${userId}-${visit}`,
        timestamp: new Date(at),
        event: bought ? 'Order Completed' : 'Product Viewed',
        properties: bought ? { revenue: 30 } : {},
      })
    }
  }
  for (let from = 0; from < batch.length; from += 400) {
    const body = JSON.stringify({ batch: batch.slice(from, from + 400), writeKey })
    const response = await fetch(`${world.url}/v1/batch`, { method: 'POST', body })
    expect(response.status).toBe(200)
  }
  await world.engine.drain()
}

async function slowWork(): Promise<void> {
  world.engine.roles.strategist.slowWork.look()
  await world.engine.roles.strategist.slowWork.settled()
}

const scoreOf = async (id: string): Promise<number> => {
  const { body: customer } = await world.call<{ scores: { score: string; value: number }[] }>(
    'GET',
    `/customers/${id}`,
  )
  return customer.scores.find(({ score }) => score === 'conversion')!.value
}

test('a network is asked for, trained, scores its customers, and its files are there', {
  timeout: 120_000,
}, async () => {
  expect(await world.call('POST', '/scores')).toMatchObject({ status: 409 })
  await sendPast(420)
  const request = { kind: 'propensity', horizonDays: 15, seed: 3 }
  const asked = await world.call<{ modelId: string }>('POST', '/networks', request)
  expect(asked).toMatchObject({ status: 202, body: { modelId: 'propensity-1' } })
  await slowWork()

  const { body } = await world.call<Network>('GET', '/networks/propensity-1')
  expect(body).toMatchObject({ state: 'ready', progress: { stage: 'ready' } })
  const conversion = body.card!.heads.find(({ name }) => name === 'conversion')!
  // Who bought before buys again, and nobody else: nearly all of it can be known.
  expect(conversion.metrics.auc).toBeGreaterThan(0.85)
  expect(conversion.metrics.ece).toBeLessThan(0.15)
  expect(body.files).toEqual(
    expect.arrayContaining(['model.json', 'weights.bin', 'card.md', 'reliability-conversion.svg']),
  )
  const headers = { authorization: 'Bearer shop-id:admin-secret' }
  const model = await world.get('/api/v1/networks/propensity-1/files/model.json', headers)
  expect(await model.json()).toMatchObject({
    format: 'layers-model',
    weightsManifest: [{ paths: ['weights.bin'] }],
  })
  const weights = await world.get('/api/v1/networks/propensity-1/files/weights.bin', headers)
  expect((await weights.arrayBuffer()).byteLength % 4).toBe(0)
  const card = await world.get('/api/v1/networks/propensity-1/files/card.md', headers)
  expect(await card.text()).toContain('| conversion |')
  expect(await world.call('GET', '/networks/propensity-1/files/other')).toMatchObject({ status: 404 })

  const values = await Promise.all([0, 1, 2, 3, 4, 5].map((index) => scoreOf(`p${index}`)))
  const [buyers, lookers] = [values.filter((_, i) => i % 2 === 0), values.filter((_, i) => i % 2 === 1)]
  expect(Math.min(...buyers)).toBeGreaterThan(Math.max(...lookers))

  expect(await world.call('POST', '/policy/candidates', { network: 'none' })).toMatchObject({ status: 404 })
  const proposal = { network: 'propensity-1', note: 'by what it sees', actor: 'ann' }
  const proposed = await world.call<{ id: string }>('POST', '/policy/candidates', proposal)
  expect(proposed).toMatchObject({ status: 201, body: { state: 'building', changes: 'network' } })
  await slowWork()
  const path = `/policy/candidates/${proposed.body.id}`
  const features = { featureSchema: 'network:propensity-1', dimensions: 49 }
  expect(await world.call('GET', path)).toMatchObject({ body: { state: 'proposed', manifest: features } })
  expect(await world.call('POST', `${path}/promote`, {})).toMatchObject({ body: { code: 'gate_refused' } })
  const override = { override: 'to see it', actor: 'bea' }
  const promoted = await world.call<{ snapshotId: string }>('POST', `${path}/promote`, override)
  expect(promoted.status).toBe(200)
  expect(await world.call('GET', `/policy/versions/${promoted.body.snapshotId}`)).toMatchObject({
    body: { manifest: { ...features, publishedBy: 'promotion', from: proposed.body.id } },
  })
  expect(await world.call('POST', '/policy/rollback', { reason: 'seen' })).toMatchObject({ status: 200 })
})

test('too little to learn from is said, with the numbers', async () => {
  await world.identify('u1', { email: 'u1@example.com' })
  await world.call('POST', '/networks', { kind: 'propensity' })
  await world.call('POST', '/networks', { kind: 'uplift', campaign: 'cart' })
  expect(await world.call('POST', '/networks', { kind: 'uplift' })).toMatchObject({ status: 400 })
  await slowWork()
  const { body } = await world.call<{ networks: Network[] }>('GET', '/networks')
  expect(body.networks.map(({ modelId, state }) => [modelId, state]).sort()).toEqual([
    ['propensity-1', 'failed'],
    ['uplift-2', 'failed'],
  ])
  for (const { progress } of body.networks)
    expect(progress.reason).toContain('too little to learn from: 0 rows')
})

test('a segment by score is entered with the next scoring', { timeout: 120_000 }, async () => {
  await sendPast(420)
  await world.call('POST', '/networks', { kind: 'propensity', horizonDays: 15 })
  await slowWork()
  // Nearer to who never buys: two days without an order take nearly half of a buyer's score.
  const between = (await scoreOf('p0')) / 5
  const segments = `segments: [{ id: likely, name: Likely buyers, condition: { score: conversion, atLeast: ${between} } }]`
  const applied = await world.call('POST', '/workspace-file', { yaml: segments })
  expect(applied.status).toBe(200)
  world.clock.stepTo(world.clock.now() + 2 * dayMs)
  expect(await world.call('POST', '/scores')).toMatchObject({ status: 202 })
  expect((await world.call<{ isWaiting: boolean }>('GET', '/scores')).body.isWaiting).toBe(true)
  // The strategist looks at most once a second of wall clock.
  await expect
    .poll(
      async () => {
        await slowWork()
        return (await world.call<{ isWaiting: boolean }>('GET', '/scores')).body.isWaiting
      },
      { timeout: 20_000 },
    )
    .toBe(false)
  await world.engine.drain()
  const member = async (id: string) =>
    Object.keys(
      (await world.call<{ profile: { segments: object } }>('GET', `/customers/${id}`)).body.profile.segments,
    )
  expect(await member('p0')).toContain('likely')
  expect(await member('p1')).not.toContain('likely')
})
