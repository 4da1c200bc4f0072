import { afterAll, beforeAll, expect, test } from 'vitest'
import { decodeDecision } from '../../../src/decision/record.ts'
import { openPlacementWorld, type PlacementWorld, placementYaml } from './placement-world.ts'

const day = 86_400_000
let world: PlacementWorld
beforeAll(async () => {
  const yaml = placementYaml.replace(
    'guardrails:',
    'guardrails:\n  fatigue: { perSend: 0.04, halfLifeDays: 20 }',
  )
  world = await openPlacementWorld(yaml)
  await world.identify('u1', { firstName: 'Uma' })
})
afterAll(() => world.close())

test('what was shown tires, what was only given does not, and further back than caps look', async () => {
  let answer = await world.decide({ userId: 'u1' })
  for (let i = 0; answer.treatments.length === 0 && i < 50; i += 1)
    answer = await world.decide({ userId: 'u1' })
  expect(await fatigueOf((await world.decide({ userId: 'u1' })).decisionId)).toBe(0)
  await world.tell(answer.decisionId!, { outcome: 'exposure' })
  await world.engine.drain()
  expect(await fatigueOf((await world.decide({ userId: 'u1' })).decisionId)).toBeCloseTo(0.04, 9)
  world.clock.stepTo(world.clock.now() + 40 * day)
  const later = await world.decide({ userId: 'u1' })
  expect(await fatigueOf(later.decisionId)).toBeCloseTo(0.01, 9)
  expect((await world.call('POST', `/decisions/${later.decisionId}/replay`)).body).toMatchObject({
    identical: true,
  })
})

/** As the record of the decision has it, the same for each of its treatments in one channel. */
async function fatigueOf(decisionId: string | null): Promise<number> {
  await world.engine.drain()
  const row = (await world.rows('decisions')).find((own) => own.decision_id === decisionId)!
  const { candidates } = decodeDecision(row.record as Uint8Array)
  expect(new Set(candidates.map(({ fatigue }) => fatigue)).size).toBe(1)
  return candidates[0]!.fatigue
}
