import type { SteppedClock } from '#platform/clock/stepped-clock.ts'
import type { ShopChannel, ShopOffer } from './planted-response.ts'
import type { Shop, ShopEvent } from './shop.ts'

/** A message that has reached its customer since the last look. */
export interface ReceivedMessage {
  messageId: string
  userId: string
  treatmentId: string
  at: number
}

/** What a simulation needs of the engine and its door. */
export interface ShopWorld {
  /** Resolves when every event is acknowledged. */
  deliver(events: ShopEvent[]): Promise<void>
  /** Works until nothing is left to do at the clock's instant. */
  settle(): Promise<void>
  received(): Promise<ReceivedMessage[]>
  /** The customer clicks the message's first link. */
  click(messageId: string): Promise<void>
}

export interface PlayOptions {
  shop: Shop
  world: ShopWorld
  clock: SteppedClock
  startsAt: number
  endsAt: number
  stepMs: number
  onStep?: (done: number, total: number) => void
}

/**
 * Plays a shop: the clock steps only when nothing is left to do, so that every run with the same seed
 * sees the same order of things. Returns the events delivered.
 */
export async function playShop(options: PlayOptions): Promise<number> {
  const { shop, world, clock, startsAt, endsAt, stepMs } = options
  const steps = Math.ceil((endsAt - startsAt) / stepMs)
  let delivered = 0
  // Read in the step after: a click at the instant of the send is taken for a scanner's.
  let unread: string[] = []
  for (let step = 0; step < steps; step++) {
    const from = startsAt + step * stepMs
    const to = Math.min(endsAt, from + stepMs)
    clock.stepTo(to)
    const events = shop.eventsBetween(from, to)
    if (events.length > 0) await world.deliver(events)
    delivered += events.length
    for (const messageId of unread) await world.click(messageId)
    unread = []
    await world.settle()
    for (const message of await world.received()) {
      const [offer, channel] = message.treatmentId.split('/') as [ShopOffer, ShopChannel]
      const { clicks } = shop.receive(message.userId, { offer, channel, at: message.at })
      if (clicks && channel === 'email') unread.push(message.messageId)
    }
    options.onStep?.(step + 1, steps)
  }
  return delivered
}
