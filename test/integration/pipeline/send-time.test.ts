import { afterEach, expect, test } from 'vitest'
import { cohortKey, sendTimeAt } from '#contracts/stages.ts'
import { decodeDecision } from '../../../src/decision/record.ts'
import { decodeState } from '../../../src/learning/learner-state.ts'
import {
  day,
  type EngineWorld,
  hour,
  identify,
  openEngineWorld,
  start,
  track,
  welcomeFile,
} from './engine-world.ts'

let world: EngineWorld
afterEach(() => world.close())

const users = Array.from({ length: 60 }, (_, i) => `u${i}`)

test('a message waits for the hour that was drawn, outside of quiet hours, and the learner is told of it', async () => {
  const campaign = `
sendTime: { withinHours: 24, cohort: segment }
quietHours: { from: "20:00", until: "07:00" }`
  world = await openEngineWorld(welcomeFile({ campaign }))
  await world.take(
    ...users.map((user, i) => identify(user, { segment: i % 2 === 0 ? 'students' : 'parents' })),
  )
  // Everybody was there on Monday at nine.
  await world.take(
    ...users.map((user) =>
      track(user, 'Page Seen', `p-${user}`, { timestamp: new Date(start - day - 3 * hour).toISOString() }),
    ),
  )
  await world.take(...users.map((user) => track(user, 'Signed Up', `s-${user}`)))
  await world.decide()

  const messages = await world.rows('messages')
  expect(messages).toHaveLength(60)
  const hours = messages.map(({ due_at }) => new Date(due_at).getUTCHours())
  expect(hours.every((at) => at >= 7 && at < 20)).toBe(true)
  expect(new Set(hours).size).toBeGreaterThan(8)
  const decisions = await world.rows('decisions')
  for (const { decision_id, record, propensity } of decisions) {
    const { sendTime, choice } = decodeDecision(record)
    const message = messages.find((own) => own.decision_id === decision_id)
    expect(sendTime!.slots).toHaveLength(13)
    expect(message?.due_at).toBe(sendTime!.slots[sendTime!.slotIndex]!.dueAt)
    // One treatment in both arms, one variant: what is left is the hour.
    expect(choice).toMatchObject({ propensity })
    expect(propensity).toBe(sendTime!.probabilities[sendTime!.slotIndex])
    expect(sendTime!.activityTotal).toBe(2)
    expect(sendTime!.slots.reduce((sum, { activity }) => sum + activity, 0)).toBeLessThanOrEqual(2)
  }

  await world.send()
  const sentAtOnce = (await world.rows('messages')).filter(({ state }) => state === 'sent')
  expect(sentAtOnce.length).toBe(messages.filter(({ due_at }) => due_at <= world.clock.now()).length)
  for (let step = 0; step < 24; step += 1) {
    world.clock.stepTo(world.clock.now() + hour)
    await world.send()
  }
  expect((await world.rows('messages')).every(({ state }) => state === 'sent')).toBe(true)

  await world.take(...users.slice(0, 20).map((user) => track(user, 'Order Completed', `o-${user}`)))
  await world.decide()
  world.clock.stepTo(world.clock.now() + 5 * day)
  await world.engine.drain()
  const [learned] = await world.rows('learner_states')
  const { stages } = decodeState(learned!.state)
  const sums = ['students', 'parents'].map((cohort) => {
    const numbers = stages.sendTimes.get(cohortKey('welcome', cohort))!
    const total = (from: number) => numbers.subarray(from, from + 48).reduce((sum, each) => sum + each, 0)
    return { sends: total(sendTimeAt.sends), rewards: total(sendTimeAt.rewards) }
  })
  expect(sums[0]!.sends + sums[1]!.sends).toBe(60)
  expect(sums[0]!.rewards + sums[1]!.rewards).toBe(20)
  expect(world.errors).toEqual([])
})
