import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { openStore } from '#platform/store/open-store.ts'
import type { Store } from '#platform/store/store.ts'
import { recountSpend } from '../../src/action/campaign-spend.ts'
import type { Sender } from '../../src/action/sender.ts'
import { unsubscribe } from '../../src/action/unsubscribe.ts'
import { suppressAddresses } from '../../src/pipeline/change-contact.ts'
import { mergeCustomer } from '../../src/pipeline/merge-customer.ts'
import { topicOf } from '../../src/pipeline/topic-of.ts'
import { setConsent } from '../../src/profile/consent-rows.ts'
import { saveCustomers } from '../../src/profile/customer-rows.ts'
import { newProfile } from '../../src/profile/profile.ts'
import { suppress } from '../../src/profile/suppression-rows.ts'
import { calmWorld, channelSet, createBench, newMessage, queue, sent, start } from '../unit/action/support.ts'
import { createDatabase, type TestDatabase } from './postgres.ts'

/**
 * Three senders, merges, opt-outs by link and suppressions by address, all at once over one PostgreSQL. What
 * the provider was called for, and when, is written down outside; the rules are counted from that.
 */
const people = 40
const sendsMax = 2
const messagesEach = 3

interface Call {
  messageId: string
  /** Nanoseconds of the steady clock. */
  at: bigint
}

let database: TestDatabase
let stores: Store[]
beforeEach(async () => {
  database = await createDatabase()
  stores = await Promise.all(Array.from({ length: 5 }, () => openStore({ url: database.url })))
})
afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()))
  await database.drop()
})

it.each([1, 2, 3])(
  'no deadlock escapes, no cap is exceeded, no send begins after a no (seed %i)',
  async (seed) => {
    const random = createSeededRandom(seed)
    const [first] = stores
    const owner = new Map<string, string>()
    const customers = Array.from({ length: people }, (_, i) => [`user${i}`, `visitor${i}`]).flat()
    await first!.transaction((tx) =>
      saveCustomers(
        tx.workspace('acme'),
        customers.map((customerId) => ({
          workspace: 'acme',
          customerId,
          version: 0,
          mergedInto: null,
          profile: newProfile(start),
        })),
        start,
      ),
    )
    const messages = customers.flatMap((customerId) =>
      Array.from({ length: messagesEach }, (_, n) => {
        const messageId = `${customerId}-${n}`
        owner.set(messageId, customerId)
        return newMessage({
          messageId,
          customerId,
          address: `${customerId}@example.com`,
          campaignId: `k${n}`,
        })
      }),
    )
    await queue(first!, shuffled(messages, random))

    const calls: Call[] = []
    const senders = await Promise.all(stores.slice(0, 3).map((store) => openSender(store, calls)))
    const nos: { at: bigint; alreadySending: string[]; forbids(messageId: string): boolean }[] = []
    const merges: { user: string; visitor: string; at: bigint }[] = []
    const numbers = shuffled([...Array(people).keys()], random)
    const tasks: (() => Promise<void>)[] = []
    for (const i of numbers.slice(0, 25)) {
      const [user, visitor] = [`user${i}`, `visitor${i}`]
      tasks.push(async () => {
        await stores[3]!.transaction((tx) => mergeCustomer(tx.workspace('acme'), visitor, user, start + 1))
        merges.push({ user, visitor, at: process.hrtime.bigint() })
      })
    }
    for (const i of numbers.slice(10, 30)) {
      const side = i % 2 === 0 ? 'user' : 'visitor'
      const customerId = `${side}${i}`
      tasks.push(async () => {
        const message = { workspace: 'acme', messageId: `${customerId}-0` }
        const result = await unsubscribe(stores[4]!, message, { setConsent, topicOf }, start + 2)
        if (result.kind !== 'unsubscribed') throw new Error(result.kind)
        const at = process.hrtime.bigint()
        nos.push({ at, alreadySending: result.alreadySending, forbids: (id) => owner.get(id) === customerId })
      })
    }
    for (const i of numbers.slice(20, 40)) {
      const address = `user${i}@example.com`
      tasks.push(async () => {
        const fact = { channel: 'email', address, reason: 'manual', detail: '' } as const
        const change = { workspace: 'acme', actor: 'ann', facts: [fact] }
        const { alreadySending } = await suppressAddresses(
          { store: stores[4]!, clock: { now: () => start + 3 } },
          change,
        )
        const at = process.hrtime.bigint()
        nos.push({ at, alreadySending, forbids: (id) => owner.get(id) === `user${i}` })
      })
    }
    await Promise.all([
      ...senders.map(({ sender }) => sendAll(sender)),
      playAll(shuffled(tasks, random), random),
    ])
    for (const { sender } of senders) await sendAll(sender)

    expect(senders.flatMap(({ errors }) => errors)).toEqual([])
    expect(new Set(calls.map((call) => call.messageId)).size).toBe(calls.length)
    // Some of everything happened, and to some of the messages the rules said no.
    expect(merges).toHaveLength(25)
    expect(nos).toHaveLength(40)
    expect(calls.length).toBeGreaterThan(people)
    expect(calls.length).toBeLessThan(messages.length)

    for (const { at, alreadySending, forbids } of nos) {
      const late = calls.filter((call) => call.at > at && forbids(call.messageId))
      expect(late.map((call) => call.messageId).filter((id) => !alreadySending.includes(id))).toEqual([])
    }
    expect(overCap(calls, owner, merges)).toEqual([])
    expect(await recountSpend(first!.read.workspace('acme'))).toEqual([])
  },
)

async function openSender(store: Store, calls: Call[]) {
  const world = calmWorld()
  world.settings = { ...world.settings, frequencyCaps: [{ sendsMax, window: { hours: 24 } }] }
  const answer = {
    id: 'counting',
    weight: 1,
    resends: false,
    async send({ messageId }: { messageId: string }) {
      calls.push({ messageId, at: process.hrtime.bigint() })
      await setImmediate()
      return sent
    },
    close: async () => {},
  }
  return createBench(store, answer, world, {
    channels: channelSet(answer),
    suppressions: { suppress },
    inFlightMax: 8,
    sent: { recordSent: async () => {} },
  })
}

/** Until nothing is due for it; what others hold right now is looked at again. */
async function sendAll(sender: Sender): Promise<void> {
  for (let idle = 0; idle < 5; ) {
    if ((await sender.step()) === 0) idle += 1
    else idle = 0
  }
  await sender.drain()
}

/** Four at a time, in the given order. */
async function playAll(tasks: (() => Promise<void>)[], random: { next(): number }): Promise<void> {
  const rest = [...tasks]
  const play = async (): Promise<void> => {
    for (let task = rest.shift(); task !== undefined; task = rest.shift()) {
      for (let turns = Math.floor(random.next() * 4); turns > 0; turns--) await setImmediate()
      await task()
    }
  }
  await Promise.all([play(), play(), play(), play()])
}

/**
 * Sends that came too many: each customer's own before a merge; after it, those of both that had begun by then
 * count together. All within one window, since the clock stands still.
 */
function overCap(
  calls: Call[],
  owner: ReadonlyMap<string, string>,
  merges: { user: string; visitor: string; at: bigint }[],
): string[] {
  const over: string[] = []
  const mergeOf = new Map(
    merges.flatMap((merge) => [[merge.user, merge] as const, [merge.visitor, merge] as const]),
  )
  const ordered = calls.toSorted((a, b) => (a.at < b.at ? -1 : 1))
  for (const [index, call] of ordered.entries()) {
    const customer = owner.get(call.messageId)!
    const merge = mergeOf.get(customer)
    const together = merge !== undefined && call.at > merge.at ? [merge.user, merge.visitor] : [customer]
    const before = ordered.slice(0, index).filter((other) => together.includes(owner.get(other.messageId)!))
    if (before.length >= sendsMax) over.push(call.messageId)
  }
  return over
}

function shuffled<T>(items: T[], random: { next(): number }): T[] {
  return items
    .map((item) => ({ item, place: random.next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)
}
