import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import type { Random } from '#contracts/random.ts'
import type { Client } from './client.ts'
import type { MailServer } from './mail-server.ts'
import { addressOf, type PlannedCustomer, type PlannedEvent } from './traffic-plan.ts'

/** Of `campaigns.yaml`. */
export const capMax = 2
const eventsPerBatch = 20
/** Streams at once; a customer's events are all in one of them, so that their order is kept. */
const streams = 4

export interface TrafficParts {
  client: Client
  mailServer: MailServer
  random: Random
}

export interface Traffic {
  /** Delivers a phase's events, spread over `lastsMs`; resolves when all are acknowledged. */
  run(phase: number, lastsMs: number): Promise<void>
  /** Resolves when every opt-out under way is acknowledged. */
  saidNo(): Promise<void>
}

export async function launchCampaigns(client: Client): Promise<void> {
  const yaml = readFileSync(new URL('campaigns.yaml', import.meta.url), 'utf8')
  await client.call('POST', '/api/v1/workspace-file', { yaml, actor: 'ann' })
  for (const campaign of ['cart', 'wishlist']) {
    for (const action of ['submit', 'approve', 'launch']) {
      await client.call('POST', `/api/v1/campaigns/${campaign}/${action}`, { actor: 'ann' })
    }
  }
}

/** What the customers do, and their opt-outs. */
export function createTraffic(parts: TrafficParts, customers: PlannedCustomer[]): Traffic {
  const optOuts = createOptOuts(parts, customers)
  return {
    async run(phase, lastsMs) {
      const own = streamsOf(customers, phase)
      await Promise.all(own.map((events) => stream(parts, events, lastsMs, optOuts.afterEvents)))
    },
    saidNo: optOuts.done,
  }
}

function streamsOf(customers: PlannedCustomer[], phase: number): PlannedEvent[][] {
  const all: PlannedEvent[][] = Array.from({ length: streams }, () => [])
  for (const [index, customer] of customers.entries()) {
    all[index % streams]?.push(...(customer.phases[phase] ?? []))
  }
  return all
}

/** Delivers in batches; some are sent once more though they were acknowledged. */
async function stream(
  { client, random }: TrafficParts,
  events: PlannedEvent[],
  lastsMs: number,
  afterEvents: (events: PlannedEvent[]) => void,
): Promise<void> {
  const pauseMs = lastsMs / Math.max(1, events.length / eventsPerBatch)
  for (let from = 0; from < events.length; from += eventsPerBatch) {
    const batch = events.slice(from, from + eventsPerBatch)
    await client.deliver(batch)
    afterEvents(batch)
    if (random.next() < 0.1) await client.deliver(batch)
    if (pauseMs > 0) await wait(pauseMs)
  }
}

/** Customers say no as planned: at a mail by its link, or over the API right behind an event of theirs. */
function createOptOuts({ client, mailServer }: TrafficParts, customers: PlannedCustomer[]) {
  const underWay = new Set<Promise<void>>()
  const failures: unknown[] = []
  const run = (work: Promise<void>): void => {
    const watched = work.catch((error: unknown) => {
      failures.push(error)
    })
    underWay.add(watched)
    void watched.finally(() => underWay.delete(watched))
  }
  const byLink = new Map<string, { userId: string; atMail: number }>()
  const byApi = new Map<string, string>()
  for (const { userId, optOut } of customers) {
    if (optOut?.by === 'link') byLink.set(addressOf(userId), { userId, atMail: optOut.atMail })
    if (optOut?.by === 'api') byApi.set(optOut.afterEvent, userId)
  }
  const mailsTo = new Map<string, number>()
  mailServer.onMail(({ to, unsubscribeUrl }) => {
    const nth = (mailsTo.get(to) ?? 0) + 1
    mailsTo.set(to, nth)
    const plan = byLink.get(to)
    if (plan?.atMail === nth) run(client.optOutByLink(plan.userId, unsubscribeUrl))
  })
  return {
    afterEvents(events: PlannedEvent[]) {
      for (const { messageId } of events) {
        const userId = byApi.get(messageId)
        if (userId !== undefined && byApi.delete(messageId)) run(client.optOutByApi(userId))
      }
    },
    async done() {
      while (underWay.size > 0) await Promise.all(underWay)
      if (failures.length > 0) throw failures[0]
    },
  }
}
