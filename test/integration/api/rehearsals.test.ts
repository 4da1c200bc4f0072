import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Rehearsal } from '../../../src/pipeline/rehearsal/rehearse.ts'
import { type DoorWorld, installShop, openDoorWorld } from './door-world.ts'

let world: DoorWorld
beforeAll(async () => {
  world = await openDoorWorld()
  await installShop(world)
  for (const user of ['u1', 'u2', 'u3']) {
    await world.identify(user, { email: `${user}@example.com`, firstName: user })
    await world.track(user, 'Cart Abandoned')
  }
})
afterAll(() => world.close())

interface Job {
  state: string
  detail: string
  result: Rehearsal | null
}

test('history as it was: every decision once more, one rehearsal at a time', async () => {
  const begun = await world.call<{ rehearsalId: string }>('POST', '/rehearsals', { days: 1 })
  expect(begun.status).toBe(202)
  const second = await world.call('POST', '/rehearsals', { days: 1 })
  expect([second.status, second.body]).toMatchObject([409, { code: 'conflict' }])
  const job = await vi.waitFor(
    async () => {
      const { body } = await world.call<Job>('GET', `/rehearsals/${begun.body.rehearsalId}`)
      expect(body.state).not.toBe('running')
      return body
    },
    { timeout: 60_000, interval: 100 },
  )
  expect([job.state, job.detail]).toEqual(['done', ''])
  expect(job.result?.exact).toMatchObject({ same: 3, different: 0, missing: 0, extra: 0 })
  expect(job.result?.rehearsed).toEqual(job.result?.recorded)
}, 60_000)

test('two wishes at once are refused, and an id that there is not', async () => {
  const both = await world.call('POST', '/rehearsals', { campaign: 'a', file: 'campaigns: []' })
  expect([both.status, both.body]).toMatchObject([400, { code: 'invalid_request' }])
  expect((await world.call('GET', '/rehearsals/unknown')).status).toBe(404)
})
