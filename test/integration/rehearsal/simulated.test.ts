import { afterAll, beforeAll, expect, test } from 'vitest'
import { rehearse } from '../../../src/pipeline/rehearsal/rehearse.ts'
import { rehearseShop } from '../../../src/pipeline/rehearsal/rehearse-shop.ts'
import { type EngineWorld, openEngineWorld, welcomeFile } from '../pipeline/engine-world.ts'

let world: EngineWorld
beforeAll(async () => {
  world = await openEngineWorld('')
})
afterAll(() => world.close())

const request = { workspace: 'main', days: 3, customers: 40, seed: 3 }
const parts = () => {
  const { store, settings } = world.engine.parts
  return { store, now: world.clock.now(), settings }
}

test('a workspace without history is told so', async () => {
  expect(await rehearse(parts(), { workspace: 'main', days: 3 })).toMatchObject({ kind: 'refused' })
  expect(await rehearse(parts(), { workspace: 'nobody', days: 3 })).toMatchObject({ kind: 'refused' })
})

test('a planted shop is played instead, the same for a seed, and is called a simulation', async () => {
  const [one, two] = [await rehearseShop(parts(), request), await rehearseShop(parts(), request)]
  if (one.kind === 'refused' || two.kind === 'refused') throw new Error('refused')
  expect([one.over, one.recorded, one.exact]).toEqual(['simulation', null, null])
  expect(one.rehearsed.decisions).toBeGreaterThan(5)
  expect(one.rehearsed).toEqual(two.rehearsed)
  expect(one.notes.join()).toContain('of nobody real')
  expect(await world.rows('decisions')).toEqual([])
})

test('what is not known without a holdout is not predicted', async () => {
  const text = welcomeFile().replace('{ event: Signed Up }', '{ event: Product Added }')
  const result = await rehearseShop(parts(), { ...request, days: 2, wish: { kind: 'file', text } })
  if (result.kind === 'refused') throw new Error(result.detail)
  expect(result.rehearsed.byTreatment.map(({ treatmentId }) => treatmentId)).toEqual(['tea/email'])
  expect(result.predictions).toMatchObject([{ campaignId: 'welcome', rehearsed: null }])
})
