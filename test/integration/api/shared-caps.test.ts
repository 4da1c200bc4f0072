import { afterEach, expect, test } from 'vitest'
import type { PlacementAnswer } from '../../../src/pipeline/placement/placement-request.ts'
import { openPlacementWorld, type PlacementWorld, placementYaml } from './placement-world.ts'

let world: PlacementWorld
afterEach(() => world.close())

const sharedYaml = placementYaml.replace(
  '{ sendsMax: 40, window: { hours: 24 }, channel: in-app }',
  '{ sendsMax: 2, window: { hours: 24 } }',
)

test('two doors at once give no more than a cap allows that messages share, and the ledger has it at once', async () => {
  world = await openPlacementWorld(sharedYaml)
  const users = Array.from({ length: 3 }, (_, i) => `u${i}`)
  for (const user of users) await world.identify(user, { firstName: user })
  await world.engine.drain()
  const other = await world.anotherDoor()
  try {
    const ask = async (userId: string): Promise<PlacementAnswer> => {
      const asked = await other.call<PlacementAnswer>('POST', '/decisions', {
        placement: 'home-banner',
        userId,
        timeoutMs: 10_000,
      })
      return asked.body
    }
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => users).flatMap((round) =>
        round.flatMap((userId) => [world.decide({ userId }), ask(userId)]),
      ),
    )
    const given = Map.groupBy(
      answers.filter(({ treatments }) => treatments.length > 0),
      ({ customerId }) => customerId,
    )
    expect([...given.values()].map((own) => own.length)).toEqual([2, 2, 2])
    // The worker has stored none of it yet: this is what the next claim sees.
    expect(await world.rows('decision_ranks')).toHaveLength(6)
    expect(await world.rows('decisions')).toEqual([])
    await world.engine.drain()
    expect(await world.rows('decision_ranks')).toHaveLength(6)
    expect(await world.rows('decisions')).toHaveLength(answers.length)
  } finally {
    await other.close()
  }
})
