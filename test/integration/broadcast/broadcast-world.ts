import { broadcastProgress } from '../../../src/pipeline/broadcast/broadcast-progress.ts'
import { startBroadcast } from '../../../src/pipeline/broadcast/start-broadcast.ts'
import { moveCampaign } from '../../../src/pipeline/change-workspace.ts'
import { customer, type EngineWorld, evenSplit, identify, workspace } from '../pipeline/engine-world.ts'

/** A mail to everybody whose plan is free, without chance: both arms have the same treatment. */
export function saleFile(broadcast = '{}', more = ''): string {
  return `${evenSplit}
goals: [{ id: order, event: Order Completed, windowHours: 48 }]
offers: [{ id: tea, name: Tea, value: 10 }]
templates:
  - { id: hello, channel: email, subject: Hello, text: "Tea? {{links.unsubscribe}}" }
segments:
  - { id: free, name: Free, condition: { trait: plan, op: eq, value: free } }
campaigns:
  - id: sale
    name: Sale
    goal: order
    trigger: { broadcast: ${broadcast} }
    audience: { segment: free }
    holdout: 0
    policy: { kind: fixed-split, experiment: even }
    treatments: [{ offer: tea, channel: email, cost: 1, variants: [{ id: a, template: hello }] }]
${more}
`
}

export function users(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => `u${from + i}`)
}

/** Introduces customers, and works until they are there. */
export async function introduce(world: EngineWorld, ids: string[], traits: object = { plan: 'free' }) {
  for (let i = 0; i < ids.length; i += 200)
    await world.take(...ids.slice(i, i + 200).map((id) => identify(id, traits)))
  await work(world)
}

/** The worker alone, until nothing is left to do at the clock's instant. */
export async function work(world: EngineWorld): Promise<void> {
  do await world.decide()
  while ((await world.engine.roles.worker.fireTimers()) > 0)
}

const actor = { workspace, actor: 'ann', campaignId: 'sale', note: '' }

export function startSale(world: EngineWorld, again = false) {
  return startBroadcast(world.engine.parts, { ...actor, again })
}

export async function moveSale(world: EngineWorld, action: 'pause' | 'launch' | 'end'): Promise<string[]> {
  const moved = await moveCampaign(world.engine.parts, { ...actor, action })
  if (moved.kind === 'refused') throw new Error(moved.fault.detail)
  return moved.alreadySending
}

export async function progressOf(world: EngineWorld) {
  const { store, clock } = world.engine.parts
  const progress = await broadcastProgress(store.read, workspace, 'sale', clock.now())
  if (progress === null) throw new Error('never started')
  return progress
}

/** By user, when they were decided about. */
export async function decidedAt(world: EngineWorld, ids: string[]): Promise<Record<string, string[]>> {
  const rows = await world.rows('decisions')
  return Object.fromEntries(
    ids.map((id) => {
      const own = rows.filter((row) => row.customer_id === customer(id))
      return [id, own.map((row) => new Date(row.decided_at).toISOString()).sort()]
    }),
  )
}
