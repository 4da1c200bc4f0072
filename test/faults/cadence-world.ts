import { messageIdOf } from '#platform/ids/ids.ts'
import { cadenceFile } from '../integration/cadence/cadence-file.ts'
import {
  customer,
  type EngineWorld,
  identify,
  track,
  workspace,
} from '../integration/pipeline/engine-world.ts'
import type { Input } from '../support/cadence-model.ts'

export interface Player {
  user: string
  zone: string
  inputs: Input[]
}

export const fortnightFile = cadenceFile({
  rules: `
exit: { on: [{ event: Goodbye, where: { property: sure, op: eq, value: true } }] }
reentry: { afterDays: 3 }
`,
})

/** Everybody has an address and a clock before the first instant is over. */
export async function introduce(world: EngineWorld, players: readonly Player[]): Promise<void> {
  await world.take(...players.map(({ user, zone }) => identify(user, { timezone: zone })))
}

/** The instants at which somebody does something, in order. */
export function instantsOf(players: readonly Player[]): number[] {
  const instants = new Set(players.flatMap(({ inputs }) => inputs.map(({ at }) => at)))
  return [...instants].sort((a, b) => a - b)
}

/**
 * Plays on to `until`: journeys that are due on the way are fired at their instant. It may be done again from
 * where the clock stands: what was taken is known by its id.
 */
export async function playUntil(
  world: EngineWorld,
  players: readonly Player[],
  until: number,
): Promise<void> {
  for (;;) {
    const due = (await world.rows('journeys')).flatMap(({ due_at }) => due_at ?? [])
    const next = Math.min(...due, until)
    if (next > world.clock.now()) world.clock.stepTo(next)
    if (next < until) {
      await work(world)
      continue
    }
    await act(world, players, until)
    return work(world)
  }
}

/** The worker alone, until nothing is left to do at this instant. */
async function work(world: EngineWorld): Promise<void> {
  do await world.decide()
  while ((await world.engine.roles.worker.fireTimers()) > 0)
}

/** What happens now, all at once. A click needs something to click on: it is of the customer's last hello. */
async function act(world: EngineWorld, players: readonly Player[], now: number): Promise<void> {
  const events: object[] = []
  const clicks: { user: string; id: string }[] = []
  for (const { user, inputs } of players) {
    for (const [i, { at, kind }] of inputs.entries()) {
      if (at !== now) continue
      const id = `${user}-${i}`
      if (kind === 'click') clicks.push({ user, id })
      else events.push(track(user, eventNames[kind], id, { properties: { sure: true } }))
    }
  }
  if (events.length > 0) await world.take(...events)
  if (clicks.length === 0) return
  const hellos = await lastHellos(world)
  const records = clicks.flatMap(({ user, id }) => {
    const messageId = hellos.get(customer(user))
    return messageId === undefined ? [] : [clickRecord(user, messageId, id, now)]
  })
  await world.append(records)
}

const eventNames = { signup: 'Signed Up', visit: 'Visited', order: 'Order Completed', goodbye: 'Goodbye' }

/** By customer, the message of the last hello, if it has one. */
async function lastHellos(world: EngineWorld): Promise<Map<string, string>> {
  const steps = (await world.rows('journey_steps')).filter(({ step_id }) => step_id === 'hello')
  const last = new Map(steps.toSorted((a, b) => a.at - b.at).map((step) => [step.customer_id, step] as const))
  return new Map(
    [...last].flatMap(([id, { result, decision_id }]) =>
      result.startsWith('hello/') ? [[id, messageIdOf(decision_id, 0)] as const] : [],
    ),
  )
}

function clickRecord(user: string, messageId: string, eventId: string, at: number) {
  const customerId = customer(user)
  const payload = { messageId, url: 'https://shop.example/' }
  const record = {
    v: 1,
    workspace,
    eventId,
    customerId,
    kind: 'click',
    occurredAt: at,
    receivedAt: at,
    payload,
  }
  return { key: `${workspace}\u0000${customerId}`, body: JSON.stringify(record) }
}

/** Clicks that hit something: what the model is told of. */
export async function happened(world: EngineWorld, { user, inputs }: Player): Promise<Input[]> {
  const clicks = new Set(
    (await world.rows('outcomes')).filter(({ kind }) => kind === 'click').map((row) => row.event_id),
  )
  return inputs.filter(({ kind }, i) => kind !== 'click' || clicks.has(`${user}-${i}`))
}

/** The customer's journeys as they were, in the model's words. */
export async function journeysOf(world: EngineWorld, user: string) {
  const steps = Map.groupBy(await world.rows('journey_steps'), (row) => row.journey_id)
  return (await world.rows('journeys'))
    .filter((row) => row.customer_id === customer(user))
    .toSorted((a, b) => a.entered_at - b.entered_at)
    .map((row) => ({
      enteredAt: row.entered_at,
      steps: (steps.get(row.journey_id) ?? [])
        .toSorted((a, b) => a.sequence - b.sequence)
        .map((step): [string, number] => [step.step_id, step.at]),
      end: `${row.state} ${row.reason}`,
      endedAt: row.ended_at,
    }))
}
