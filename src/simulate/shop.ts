import type { JsonObject } from '#contracts/json.ts'
import type { Random } from '#contracts/random.ts'
import { localParts } from '#platform/clock/local-time.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import {
  addedPurchase,
  planted,
  type ShopChannel,
  type ShopOffer,
  type Style,
  styles,
} from './planted-response.ts'

const day = 86_400_000
const hour = 3_600_000

/** What a customer does, as the shop's app reports it. The message id comes from the seed. */
export interface ShopEvent {
  type: 'identify' | 'page' | 'track'
  messageId: string
  timestamp: number
  userId?: string
  anonymousId?: string
  event?: string
  properties?: JsonObject
  traits?: JsonObject
}

export interface ShopCustomer {
  index: number
  userId: string
  style: Style
  zone: string
  /** Instants of purchases that nobody prompted. */
  unprompted: number[]
  /** Instants of purchases that a message added. */
  prompted: number[]
  messages: number
}

export interface Shop {
  customers: ShopCustomer[]
  byUserId: Map<string, ShopCustomer>
  /** Everything that happens at or after `from` and before `to`, in order of time. */
  eventsBetween(from: number, to: number): ShopEvent[]
  /**
   * A message has reached a customer: decides, from the seed alone, whether it adds a purchase (which
   * then happens within 20 hours) and whether it is clicked.
   */
  receive(
    userId: string,
    message: { offer: ShopOffer; channel: ShopChannel; at: number },
  ): { clicks: boolean }
}

export interface ShopOptions {
  seed: number
  customers: number
  startsAt: number
  days: number
}

/** Puts an event into the schedule; false when it lies outside the simulation. */
type Plan = (event: ShopEvent) => boolean

/** Share of visits in which something is put into the cart. */
const cartShare = 0.55

const zones = ['Europe/Berlin', 'Europe/Lisbon', 'America/New_York', 'Asia/Kolkata'] as const
const firstNames = [
  'Ada',
  'Bruno',
  'Chiara',
  'Dmitri',
  'Edda',
  'Farid',
  'Grace',
  'Hana',
  'Imre',
  'Jonas',
] as const
const products = ['Kettle', 'Lamp', 'Rucksack', 'Scarf', 'Teapot', 'Umbrella', 'Watch', 'Notebook'] as const

/** A shop's customers, seeded: the same seed gives the same people, visits and responses. */
export function createShop(options: ShopOptions): Shop {
  const { seed, startsAt, days } = options
  const schedule = new Map<number, ShopEvent[]>()
  const endsAt = startsAt + days * day
  const plan = (event: ShopEvent): boolean => {
    if (event.timestamp < startsAt || event.timestamp >= endsAt) return false
    const slot = Math.floor((event.timestamp - startsAt) / hour)
    const known = schedule.get(slot)
    if (known === undefined) schedule.set(slot, [event])
    else known.push(event)
    return true
  }
  const customers = Array.from({ length: options.customers }, (_, index) =>
    makeCustomer(options, index, plan),
  )
  const byUserId = new Map(customers.map((customer) => [customer.userId, customer]))
  return {
    customers,
    byUserId,
    eventsBetween(from, to) {
      const due: ShopEvent[] = []
      for (let slot = Math.floor((from - startsAt) / hour); startsAt + slot * hour < to; slot++) {
        due.push(
          ...(schedule.get(slot) ?? []).filter((event) => event.timestamp >= from && event.timestamp < to),
        )
      }
      return due.sort((a, b) => a.timestamp - b.timestamp || (a.messageId < b.messageId ? -1 : 1))
    },
    receive(userId, message) {
      const customer = byUserId.get(userId)
      if (customer === undefined) throw new Error(`a message for ${userId}, who is no customer of this shop`)
      const random = createSeededRandom(seed * 7919 + 1, customer.index * 1000 + customer.messages)
      customer.messages += 1
      const buys =
        random.next() <
        addedPurchase(
          customer.style,
          message.offer,
          message.channel,
          localParts(message.at, customer.zone).hour,
        )
      const at = Math.round(message.at + purchaseDelayHours(random) * hour)
      // What would happen after the end of the simulation never happens.
      if (buys && plan(order(seed, customer, at, `m${customer.messages}`, random))) customer.prompted.push(at)
      return { clicks: buys || random.next() < 0.04 }
    },
  }
}

function makeCustomer(options: ShopOptions, index: number, plan: Plan): ShopCustomer {
  const { seed, startsAt, days } = options
  const random = createSeededRandom(seed * 7919, index)
  const style = pickStyle(random.next())
  const zone = pick(zones, random)
  const userId = `shopper-${seed}-${index}`
  const customer: ShopCustomer = { index, userId, style, zone, unprompted: [], prompted: [], messages: 0 }
  const id = (suffix: string): string => `s${seed}-c${index}-${suffix}`
  // A third browse before they sign in: their anonymous past is merged by the identify call.
  const anonymousId = random.next() < 0.33 ? `visitor-${seed}-${index}` : undefined
  const joinsAt = Math.round(startsAt + random.next() * 0.2 * day)
  if (anonymousId !== undefined) {
    plan({
      type: 'page',
      messageId: id('before'),
      timestamp: joinsAt - 1,
      anonymousId,
      properties: { path: '/' },
    })
  }
  plan({
    type: 'identify',
    messageId: id('identify'),
    timestamp: joinsAt,
    userId,
    ...(anonymousId === undefined ? {} : { anonymousId }),
    traits: {
      email: `${userId}@example.com`,
      phone: `+1555${String(1_000_000 + (index % 9_000_000))}`,
      firstName: pick(firstNames, random),
      timezone: zone,
      style,
    },
  })
  let at = joinsAt
  for (let visit = 0; ; visit++) {
    at = Math.round(at - (Math.log(1 - random.next()) / planted[style].visitsPerDay) * day)
    if (at >= startsAt + days * day) break
    planVisit(seed, customer, at, visit, random, plan)
  }
  return customer
}

function planVisit(
  seed: number,
  customer: ShopCustomer,
  at: number,
  visit: number,
  random: Random,
  plan: Plan,
): void {
  const { userId } = customer
  const id = (suffix: string): string => `s${seed}-c${customer.index}-v${visit}-${suffix}`
  const product = pick(products, random)
  plan({
    type: 'page',
    messageId: id('page'),
    timestamp: at,
    userId,
    properties: { path: `/products/${product.toLowerCase()}` },
  })
  // Only who has put something into the cart buys unprompted: buyers and the triggered are the same people,
  // which is what makes comparing the sent with the unsent so wrong.
  if (random.next() >= cartShare) return
  const properties = { name: product, price: priceOf(random) }
  plan({
    type: 'track',
    messageId: id('cart'),
    timestamp: at + 60_000,
    userId,
    event: 'Product Added',
    properties,
  })
  if (random.next() >= planted[customer.style].buysUnprompted) return
  // Hours later, like a purchase that a message added: a shop cannot tell one from the other by when it comes, and
  // a reminder is not always too late.
  const boughtAt = Math.round(at + purchaseDelayHours(random) * hour)
  if (plan(order(seed, customer, boughtAt, `v${visit}`, random))) customer.unprompted.push(boughtAt)
}

/** From half an hour to 19.5 hours. */
function purchaseDelayHours(random: Random): number {
  return 0.5 + random.next() * 19
}

function order(seed: number, customer: ShopCustomer, at: number, suffix: string, random: Random): ShopEvent {
  return {
    type: 'track',
    messageId: `s${seed}-c${customer.index}-order-${suffix}`,
    timestamp: at,
    userId: customer.userId,
    event: 'Order Completed',
    properties: { revenue: priceOf(random), currency: 'EUR' },
  }
}

function priceOf(random: Random): number {
  return Math.round((15 + random.next() * 50) * 100) / 100
}

function pickStyle(share: number): Style {
  let sum = 0
  for (const style of styles) {
    sum += planted[style].share
    if (share < sum) return style
  }
  return 'lapsing'
}

function pick<T>(list: readonly T[], random: Random): T {
  return list[Math.floor(random.next() * list.length)] as T
}
