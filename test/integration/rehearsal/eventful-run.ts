import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { startBroadcast } from '../../../src/pipeline/broadcast/start-broadcast.ts'
import { changeSettings } from '../../../src/pipeline/change-workspace.ts'
import { setConsent } from '../../../src/profile/consent-rows.ts'
import {
  customer,
  day,
  type EngineWorld,
  hour,
  identify,
  start,
  track,
  workspace,
} from '../pipeline/engine-world.ts'

const cart = (budget: number): string => `  - id: cart
    name: Cart
    goal: order
    trigger: { event: Product Added }
    holdout: 0.1
    budget: ${budget}
    treatments:
      - { offer: tea, channel: email, cost: 1, variants: [{ id: a, template: hello }, { id: b, template: hello }] }
      - { offer: cake, channel: email, cost: 2, variants: [{ id: a, template: hello }] }
`

/** What people change while it runs. */
const laterFile = `
offers: [{ id: tea, name: Tea, value: 30 }]
guardrails:
  frequencyCaps: [{ sendsMax: 2, window: { hours: 72 } }]
  quietHours: { from: "21:00", until: "08:00" }
campaigns:
${cart(20)}`

const saleFile = `
campaigns:
  - id: sale
    name: Sale
    goal: order
    trigger: { broadcast: { atLocal: { at: "16:00" } } }
    audience: { event: Visited, op: gte, value: 1 }
    fatigue: { perSend: 0.03 }
    treatments: [{ offer: cake, channel: email, cost: 1, variants: [{ id: a, template: hello }] }]
`

/** Triggers, caps, quiet hours, a cadence, an absence, a schedule and a segment in one workspace, with learning. */
export const eventfulFile = `
goals: [{ id: order, event: Order Completed, value: { property: revenue }, windowHours: 24 }]
offers:
  - { id: tea, name: Tea, value: 10 }
  - { id: cake, name: Cake, value: 10 }
templates:
  - { id: hello, channel: email, subject: Hello, text: "Tea? {{links.unsubscribe}}" }
segments:
  - { id: quiet, name: Quiet, condition: { event: Visited, measure: daysSince, op: gte, value: 1.2 } }
guardrails:
  frequencyCaps:
    - { sendsMax: 3, window: { hours: 72 } }
    - { sendsMax: 12, window: { hours: 48 }, per: account }
  fatigue: { perSend: 0.05, halfLifeDays: 2 }
  quietHours: { from: "21:00", until: "08:00" }
campaigns:
${cart(12)}  - id: back
    name: Come back
    goal: order
    trigger: { segmentEntered: quiet }
    treatments: [{ offer: tea, channel: email, cost: 1, variants: [{ id: a, template: hello }] }]
  - id: gone
    name: Gone
    goal: order
    trigger: { absence: { after: Product Added, event: Order Completed, withinHours: 10 } }
    treatments: [{ offer: cake, channel: email, cost: 1, variants: [{ id: a, template: hello }] }]
  - id: daily
    name: Daily
    goal: order
    trigger: { schedule: { on: { everyDays: 2, from: "2026-06-01" }, at: "17:30" } }
    treatments: [{ offer: cake, channel: email, cost: 1, variants: [{ id: a, template: hello }] }]
  - id: welcome
    name: Welcome
    goal: order
    trigger: { event: Signed Up }
    steps:
      - id: hello
        touch: { treatments: [{ offer: tea, channel: email, variants: [{ id: a, template: hello }] }] }
      - id: a-while
        wait: { hours: 31 }
      - id: looked
        branch:
          - when: { event: Visited, since: hello }
            steps:
              - id: visitor
                touch: { treatments: [{ offer: cake, channel: email, variants: [{ id: a, template: hello }] }] }
        otherwise:
          - id: nudge
            touch: { treatments: [{ offer: tea, channel: email, variants: [{ id: a, template: hello }] }] }
`

const stepMs = 2 * hour + 20 * 60_000
const zones = ['Europe/Berlin', 'America/New_York', 'Asia/Kolkata']

/** A week of a few dozen people: who does what is drawn; a merge, an opt-out and changes come in between. */
export async function playEventfulRun(
  world: EngineWorld,
  { days = 6, people = 24 }: { days?: number; people?: number } = {},
): Promise<void> {
  const random = createSeededRandom(5)
  const { clock, engine } = world
  const { store } = engine.parts
  const change = { workspace, actor: 'ann' }
  for (let step = 1; start + step * stepMs < start + days * day; step += 1) {
    clock.stepTo(start + step * stepMs)
    const timestamp = new Date(clock.now() - 60_000).toISOString()
    const own: object[] = []
    for (let index = 0; index < people; index += 1) {
      const userId = `p${index}`
      if (step === 1 + (index % 5)) {
        const traits = { zone: zones[index % zones.length], timezone: zones[index % zones.length] }
        // Some have looked around before they say who they are.
        const anonymousId = index % 4 === 0 ? { anonymousId: `a${index}` } : {}
        own.push({ ...identify(userId, traits), ...anonymousId, timestamp })
        if (index % 3 === 0)
          own.push({
            type: 'group',
            messageId: `group-${index}`,
            userId,
            groupId: `acme-${index % 2}`,
            traits: { seats: index },
            timestamp,
          })
        own.push(track(userId, 'Signed Up', `signed-${index}`, { timestamp }))
      }
      if (index % 4 === 0 && step <= index % 5)
        own.push({
          type: 'track',
          event: 'Visited',
          anonymousId: `a${index}`,
          messageId: `av-${index}-${step}`,
          properties: {},
          timestamp,
        })
      if (step <= 1 + (index % 5)) continue
      const at = `${index}-${step}`
      const drawn = random.next()
      if (drawn < 0.12) own.push(track(userId, 'Visited', `v-${at}`, { timestamp }))
      else if (drawn < 0.28) own.push(track(userId, 'Product Added', `c-${at}`, { timestamp }))
      else if (drawn < 0.34)
        own.push(track(userId, 'Order Completed', `o-${at}`, { timestamp, properties: { revenue: 20 } }))
    }
    await world.take(...own)
    await engine.drain()
    clock.stepTo(clock.now() + 1)
    if (step === 14) {
      await world.apply(saleFile)
      await startBroadcast({ store, clock }, { ...change, campaignId: 'sale', note: '', again: true })
    }
    if (step === 20)
      await store.transaction((tx) =>
        setConsent(tx.workspace(workspace), {
          customerId: customer('p3'),
          channel: 'email',
          state: 'denied',
          source: 'preference-page',
          now: clock.now(),
        }),
      )
    if (step === 30) await changeSettings({ store, clock }, { ...change, patch: { killSwitch: true } })
    if (step === 33) await changeSettings({ store, clock }, { ...change, patch: { killSwitch: false } })
    if (step === 40) await world.apply(laterFile)
  }
}
