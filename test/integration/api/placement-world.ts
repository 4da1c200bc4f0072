import type { PlacementAnswer, PlacementRequest } from '../../../src/pipeline/placement/placement-request.ts'
import { type DoorWorld, openDoorWorld } from './door-world.ts'

export const placementYaml = `
goals:
  - { id: order, event: Order Completed, value: { property: revenue }, windowHours: 24 }
offers:
  - { id: shoes, name: Shoes, value: 20, facts: { percent: 10 } }
  - { id: hats, name: Hats, value: 10 }
  - { id: coats, name: Coats, value: 15 }
  - { id: help, name: Help, value: 1 }
templates:
  - { id: banner, channel: in-app, subject: "{{offer.name}}", html: "<p>{{customer.firstName}}, {{offer.name}} at {{event.properties.page}}</p>", defaults: { customer.firstName: you, event.properties.page: home } }
  - { id: plain, channel: in-app, text: "How can we help?" }
guardrails:
  frequencyCaps:
    - { sendsMax: 40, window: { hours: 24 }, channel: in-app }
campaigns:
  - id: home
    name: Home banner
    goal: order
    trigger: { placement: home-banner, default: help/in-app }
    holdout: 0
    features: [tier]
    treatments:
      - { offer: shoes, channel: in-app, variants: [{ id: a, template: banner }, { id: b, template: banner }] }
      - { offer: hats, channel: in-app, variants: [{ id: a, template: banner }] }
      - { offer: coats, channel: in-app, variants: [{ id: a, template: banner }] }
      - { offer: help, channel: in-app, variants: [{ id: a, template: plain }] }
`

export interface PlacementWorld extends DoorWorld {
  decide(request: Partial<PlacementRequest> & { timeoutMs?: number }): Promise<PlacementAnswer>
  tell(decisionId: string, outcome: object): Promise<void>
  rows<T extends 'decisions' | 'decision_ranks' | 'assignments' | 'exposures' | 'rewards' | 'outcomes'>(
    table: T,
  ): Promise<Record<string, unknown>[]>
}

/** The door with one placement, `home-banner`, and a campaign live there. */
export async function openPlacementWorld(
  yaml = placementYaml,
  options: Parameters<typeof openDoorWorld>[0] = {},
): Promise<PlacementWorld> {
  const world = await openDoorWorld(options)
  await applyLive(world, yaml)
  return {
    ...world,
    async decide(request) {
      const answer = await world.call<PlacementAnswer>('POST', '/decisions', {
        placement: 'home-banner',
        // A busy machine is not what these tests are about: those of time-outs bring their own deadline.
        timeoutMs: 10_000,
        ...request,
      })
      if (answer.status !== 200) throw new Error(JSON.stringify(answer.body))
      return answer.body
    },
    async tell(decisionId, outcome) {
      const answer = await world.call('POST', `/decisions/${decisionId}/outcomes`, outcome)
      if (answer.status !== 200) throw new Error(JSON.stringify(answer.body))
    },
    rows: (table) =>
      world.engine.parts.store.read.workspace('main').selectFrom(table).selectAll().execute() as never,
  }
}

/** Applies definitions and brings every campaign that they change live. */
export async function applyLive(world: DoorWorld, yaml: string): Promise<void> {
  await applyOnly(world, yaml)
  for (const [, campaign] of yaml.split('\ncampaigns:')[1]?.matchAll(/- id: (\S+)/g) ?? []) {
    for (const action of ['approve', 'launch']) {
      const moved = await world.call('POST', `/campaigns/${campaign}/${action}`, { actor: 'ann' })
      if (moved.status !== 200) throw new Error(JSON.stringify(moved.body))
    }
  }
}

/** What binds campaigns from outside is in force as soon as it is applied. */
export async function applyOnly(world: DoorWorld, yaml: string): Promise<void> {
  const applied = await world.call('POST', '/workspace-file', { yaml })
  if (applied.status !== 200) throw new Error(JSON.stringify(applied.body))
}
