import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LogAppend } from '#contracts/event-log.ts'
import { createInProcessProfileCache } from '#platform/cache/in-process-profile-cache.ts'
import type { Store } from '#platform/store/store.ts'
import { createGuardrailRunner } from '../../../src/guardrails/run/evaluate.ts'
import { loadGuardrails } from '../../../src/guardrails/run/load-guardrails.ts'
import { createPlacementDecider } from '../../../src/pipeline/placement/decide-for-placement.ts'
import { createIdentities } from '../../../src/profile/identities.ts'
import { openPlacementWorld, type PlacementWorld } from './placement-world.ts'

let world: PlacementWorld
beforeEach(async () => {
  world = await openPlacementWorld()
})
afterEach(() => world.close())

/** A decider over the world's own parts, but a log that takes its time, or a store that is away. */
async function makeDecider(over: { store?: Store } = {}) {
  const held: LogAppend[] = []
  const late = Promise.withResolvers<'timeout'>()
  let isPast = false
  /** The deadline passes when the answer has come to where it waits. */
  const pass = (): void => {
    isPast = true
    late.resolve('timeout')
  }
  const { store, clock, wallClock, log } = world.engine.parts
  const decider = createPlacementDecider({
    store: over.store ?? store,
    clock,
    wallClock,
    log: {
      append(records) {
        held.push(...records)
        pass()
        return new Promise(() => {})
      },
    },
    identities: createIdentities(store),
    guardrails: createGuardrailRunner(await loadGuardrails()),
    profileCache: createInProcessProfileCache({ wallClock }),
    newKey: () => randomBytes(16).toString('hex'),
    startDeadline: () => ({ passed: late.promise, isPast: () => isPast, stop: () => {} }),
  })
  const decide = async (userId: string) => {
    const request = { placement: 'home-banner', userId, count: 2, reasons: false }
    const result = await decider.decide('main', [request], 25)
    if (result.kind === 'fault') throw new Error(result.fault.detail)
    return result.answers[0]!
  }
  const release = async () => {
    await log.append(held.splice(0))
    await world.engine.drain()
  }
  return { decide, release }
}

test('an answer that cannot wait is the declared default, marked, without a propensity', async () => {
  await world.identify('u1', { firstName: 'Uma' })
  const { decide } = await makeDecider()
  expect(await decide('u1')).toMatchObject({
    outcome: 'degraded',
    degraded: 'timeout',
    treatments: [
      {
        rank: 1,
        treatmentId: 'help/in-app',
        propensity: null,
        content: { text: 'How can we help?' },
      },
    ],
  })
})

test('it is recorded, counts as a contact when it was shown, and nothing is learned from it', async () => {
  await world.identify('u1', { firstName: 'Uma' })
  const { decide, release } = await makeDecider()
  const answer = await decide('u1')
  await release()
  const stored = (await world.rows('decisions')).find((row) => row.decision_id === answer.decisionId)
  expect(stored).toMatchObject({ outcome: 'degraded', propensity: 0, treatment_id: 'help/in-app' })
  await world.tell(answer.decisionId as string, { outcome: 'exposure' })
  await world.tell(answer.decisionId as string, { outcome: 'reward', value: 5 })
  await world.engine.drain()
  const ranks = (await world.rows('decision_ranks')).filter((row) => row.decision_id === answer.decisionId)
  expect(ranks).toMatchObject([{ degraded: 1, exposed_at: expect.any(Number) }])
  const learned = [...(await world.rows('exposures')), ...(await world.rows('rewards'))]
  expect(learned.filter((row) => row.decision_id === answer.decisionId)).toEqual([])
  expect((await world.call('GET', `/decisions/${answer.decisionId}`)).status).toBe(409)
  expect((await world.call('POST', `/decisions/${answer.decisionId}/replay`)).status).toBe(409)
})

test('what is known by then still says no: a denied consent, the kill switch', async () => {
  await world.identify('u1', { firstName: 'Uma' })
  await world.call('PUT', '/customers/u1/consents/in-app', { state: 'denied' })
  const { decide } = await makeDecider()
  expect(await decide('u1')).toMatchObject({ degraded: 'timeout', treatments: [], decisionId: null })
  await world.call('PATCH', '/workspace', { killSwitch: true, actor: 'ann' })
  const other = await makeDecider()
  expect(await other.decide('u2')).toMatchObject({ degraded: 'timeout', treatments: [] })
})

test('a store that does not answer leaves the default as well, once the placement is known', async () => {
  const { store } = world.engine.parts
  let isAway = false
  const waiting = new Promise<never>(() => {})
  // Only this port can be away while its file is not: every query of it waits for ever.
  const read: Store['read'] = {
    workspace: (name) => store.read.workspace(name),
    get system() {
      if (!isAway) return store.read.system
      return { selectFrom: () => hanging } as unknown as Store['read']['system']
    },
    recurring: (query, values) => (isAway ? waiting : store.read.recurring(query, values)),
    atOnce: (work) => store.read.atOnce(work),
  }
  const hanging: object = new Proxy(
    {},
    { get: (_, name) => (name === 'executeTakeFirst' ? () => waiting : () => hanging) },
  )
  const { decide } = await makeDecider({ store: { ...store, read } })
  await decide('u1')
  isAway = true
  expect(await decide('u2')).toMatchObject({
    degraded: 'timeout',
    treatments: [{ treatmentId: 'help/in-app' }],
  })
})
