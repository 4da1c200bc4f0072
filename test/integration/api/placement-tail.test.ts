import { afterAll, beforeAll, expect, test } from 'vitest'
import { builtInFeatureSchemas } from '../../../src/decision/feature-schemas.ts'
import { decodeDecision } from '../../../src/decision/record.ts'
import { openPlacementWorld, type PlacementWorld } from './placement-world.ts'

let world: PlacementWorld
beforeAll(async () => {
  world = await openPlacementWorld()
})
afterAll(() => world.close())

const { tailSlotOf } = builtInFeatureSchemas.get('v3')!
const choose = (features: string) =>
  world.call<{ changed?: boolean; code?: string }>('POST', '/policy/features', { features, reason: 'shops' })

test('chosen over the API, a placement’s decision looks at what it was asked with', async () => {
  expect(await choose('v9')).toMatchObject({ status: 400, body: { code: 'invalid_request' } })
  expect(await choose('v3')).toMatchObject({ status: 200, body: { changed: true } })
  expect(await choose('v3')).toMatchObject({ status: 200, body: { changed: false } })
  const answer = await world.decide({
    userId: 'u1',
    traits: { shop: 's17' },
    context: { page: 'start' },
    reasons: true,
  })
  await world.engine.drain()
  const [row] = (await world.rows('decisions')).filter((own) => own.decision_id === answer.decisionId)
  const { featureSchema, tail } = decodeDecision(row!.record as Uint8Array)
  expect(featureSchema).toBe('v3')
  const names = ['placement home-banner', 'context page=start', 'trait shop=s17']
  expect([...tail.slots]).toEqual(names.map((name) => tailSlotOf!(name)!).sort((a, b) => a - b))
  // Nothing but the slots is stored: an explanation knows the placement, and not what else was said in the request.
  const explained = await world.call<{ explanation: { features: { name: string }[] } }>(
    'GET',
    `/decisions/${answer.decisionId}`,
  )
  const shown = JSON.stringify(explained.body)
  expect(shown).toContain(`tail slot ${tailSlotOf!('context page=start')!}`)
  expect((await world.call('POST', `/decisions/${answer.decisionId}/replay`)).body).toMatchObject({
    identical: true,
  })
})
