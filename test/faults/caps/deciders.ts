import { setTimeout as wait } from 'node:timers/promises'
import type { Random } from '#contracts/random.ts'
import type { Client } from '../harness/client.ts'
import { campaigns, placement, zones } from './rules.ts'

export interface Shown {
  userId: string
  decisionId: string
  /** When the answer was here, by the wall's clock. */
  at: number
}

export interface Deciders {
  /** Resolves when all have stopped and everything they were told is done. */
  stop(): Promise<void>
  readonly shown: Shown[]
  readonly asked: number
}

const pauseMs = 120
const watchEveryMs = 200
const triggersPerBatch = 3
/** The rest are triggers. */
const askedShare = 0.35

export function addressOf(userId: string): string {
  return `${userId}@caps.example`
}

export function zoneOf(index: number): string {
  return zones[index % zones.length] as string
}

/** Every customer is known, with an address and a zone, before anybody decides. */
export async function identify(client: Client, customers: number): Promise<void> {
  for (let from = 0; from < customers; from += 200) {
    const some = Array.from({ length: Math.min(200, customers - from) }, (_, i) => from + i)
    await client.deliver(
      some.map((index) => ({
        type: 'identify',
        messageId: `user-${index}-0`,
        userId: `user-${index}`,
        traits: { email: addressOf(`user-${index}`), timezone: zoneOf(index) },
      })),
    )
  }
}

/** So many at once, each going from customer to customer: triggers of all classes, and placements that ask. */
export function startDeciders(
  client: Client,
  random: Random,
  { deciders, customers, isBehind }: { deciders: number; customers: number; isBehind: () => boolean },
): Deciders {
  let isStopped = false
  const counts = { asked: 0, triggers: 0 }
  const shown: Shown[] = []
  // Half of what happens, happens to one in sixteen: theirs are the windows that are full all the time.
  const someone = () =>
    `user-${Math.floor(random.next() * (random.next() < 0.5 ? customers / 16 : customers))}`

  const ask = async (): Promise<void> => {
    const userId = someone()
    counts.asked += 1
    const answer = (await client.call('POST', '/api/v1/decisions', {
      placement,
      userId,
      timeoutMs: 4000,
      idempotencyKey: `ask-${counts.asked}`,
    })) as { customerId: string; treatments: { decisionId: string }[] }
    const at = Date.now()
    for (const { decisionId } of answer.treatments) {
      shown.push({ userId, decisionId, at })
      const { customerId } = answer
      await client.call('POST', `/api/v1/decisions/${decisionId}/outcomes`, {
        outcome: 'exposure',
        customerId,
      })
    }
  }
  const trigger = (): Promise<void> => {
    const events = Array.from({ length: triggersPerBatch }, () => {
      const userId = someone()
      counts.triggers += 1
      const { event } = campaigns[Math.floor(random.next() * campaigns.length)] as (typeof campaigns)[number]
      return { type: 'track' as const, messageId: `${userId}-t${counts.triggers}`, userId, event }
    })
    return client.deliver(events)
  }
  const decide = async (): Promise<void> => {
    while (!isStopped) {
      await (random.next() < askedShare ? ask() : trigger())
      await wait(pauseMs * random.next())
      while (behind && !isStopped) await wait(pauseMs)
    }
  }
  let behind = false
  const watch = async (): Promise<void> => {
    for (; !isStopped; await wait(watchEveryMs)) behind = isBehind()
  }
  const running = [watch(), ...Array.from({ length: deciders }, decide)]
  for (const one of running) one.catch(() => {})
  return {
    shown,
    get asked() {
      return counts.asked
    },
    async stop() {
      isStopped = true
      await Promise.all(running)
    },
  }
}
