import type { Random } from '#contracts/random.ts'

/** As a Segment client sends it. */
export interface PlannedEvent {
  type: 'identify' | 'track'
  messageId: string
  userId?: string
  anonymousId?: string
  event?: string
  properties?: object
  traits?: object
}

/** How and when a customer says no: at a mail, by its link; or right after an event, over the API. */
export type OptOutPlan = { by: 'link'; atMail: 1 | 2 } | { by: 'api'; afterEvent: string }

export interface PlannedCustomer {
  userId: string
  /** By phase: what is sent in it, in order. */
  phases: PlannedEvent[][]
  optOut: OptOutPlan | null
}

const triggerEvents = ['Cart Updated', 'Wish Added'] as const

const identifiedAnonymously = 0.15
const optOutShare = 0.45

/** The whole run's traffic, from its seed: what is sent does not depend on when the server dies. */
export function planTraffic(random: Random, size: { customers: number; phases: number }): PlannedCustomer[] {
  return Array.from({ length: size.customers }, (_, index) =>
    planCustomer(random, `user-${index}`, size.phases),
  )
}

export function addressOf(userId: string): string {
  return `${userId}@faults.example`
}

export function isTrigger(event: PlannedEvent): boolean {
  return event.event !== undefined && (triggerEvents as readonly string[]).includes(event.event)
}

/** Ids of events begin with their customer's. */
export function userIdOf(event: PlannedEvent): string {
  return event.messageId.slice(0, event.messageId.lastIndexOf('-'))
}

function planCustomer(random: Random, userId: string, phaseCount: number): PlannedCustomer {
  const events: PlannedEvent[] = []
  const optOut = random.next() < optOutShare ? planOptOut(random, userId) : null
  const anonymousId = random.next() < identifiedAnonymously ? `anon-${userId}` : undefined
  const track = (event: string, who: Pick<PlannedEvent, 'userId' | 'anonymousId'>): void => {
    const messageId = `${userId}-${events.length}`
    events.push({ type: 'track', messageId, event, properties: { revenue: 10, step: events.length }, ...who })
  }
  if (anonymousId !== undefined) {
    track('Product Viewed', { anonymousId })
    track('Cart Updated', { anonymousId })
  }
  events.push({
    type: 'identify',
    messageId: `${userId}-${events.length}`,
    userId,
    ...(anonymousId === undefined ? {} : { anonymousId }),
    traits: { email: addressOf(userId), firstName: userId },
  })
  // Some go on as the visitor they were: ingest or the pointer brings it home.
  const visitor = anonymousId !== undefined && random.next() < 0.5 ? { anonymousId } : { userId }
  const triggers = 3 + Math.floor(random.next() * 4)
  for (let i = 0; i < triggers; i++) {
    track(triggerEvents[random.next() < 0.7 ? 0 : 1], i % 2 === 0 ? { userId } : visitor)
    if (random.next() < 0.15) track('Order Completed', { userId })
  }
  return { userId, phases: spread(random, events, phaseCount), optOut }
}

function planOptOut(random: Random, userId: string): OptOutPlan {
  if (random.next() < 0.6) return { by: 'link', atMail: random.next() < 0.8 ? 1 : 2 }
  // Among the first few: after it more triggers come.
  return { by: 'api', afterEvent: `${userId}-${1 + Math.floor(random.next() * 3)}` }
}

/** Each event into a phase, order kept: a customer's events lie in a stretch of a few phases. */
function spread(random: Random, events: PlannedEvent[], phaseCount: number): PlannedEvent[][] {
  const phases: PlannedEvent[][] = Array.from({ length: phaseCount }, () => [])
  const from = Math.floor(random.next() * phaseCount)
  const stretch = Math.min(phaseCount - from, 1 + Math.floor(random.next() * 3))
  const places = events.map(() => from + Math.floor(random.next() * stretch)).sort((a, b) => a - b)
  for (const [i, event] of events.entries()) phases[places[i] as number]?.push(event)
  return phases
}
