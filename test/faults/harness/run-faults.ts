import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Random } from '#contracts/random.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { type Client, createClient } from './client.ts'
import { type Counts, countOutside } from './count-outside.ts'
import { lookAtDead, lookAtLiving, type Standing, withFiles } from './look-outside.ts'
import { type MailServer, startMailServer } from './mail-server.ts'
import { createServerProcess, type ServerProcess } from './server-process.ts'
import { type PlannedCustomer, type PlannedEvent, planTraffic } from './traffic-plan.ts'

export interface FaultReport extends Counts {
  kills: number
  optouts_by_api: number
  /** Kills after which the files showed a message `sending` or acknowledged records in no committed batch. */
  kills_inside: number
  events: number
  mails: number
  seconds: number
}

export interface FaultOptions {
  kills: number
  seed: number
  customers: number
  say: (line: string) => void
}

/** Of `campaigns.yaml`. */
const capMax = 2
const eventsPerBatch = 20
/** Streams at once; a customer's events are all in one of them, so that their order is kept. */
const streams = 4
/** A deferred mail is tried again within 30 s. */
const settleMsMax = 100_000
/** How long the server may work off what the crash left before the next phase begins. */
const aheadMsMax = 3000
const queuedFew = 20

interface World {
  client: Client
  server: ServerProcess
  mailServer: MailServer
  dataDir: string
  random: Random
}

/** The whole story: traffic in phases, each with one kill inside, then quiet, then the count. */
export async function runFaults(options: FaultOptions): Promise<{ report: FaultReport; findings: string[] }> {
  const startedAt = Date.now()
  const dataDir = mkdtempSync(join(tmpdir(), 'starling-faults-'))
  const random = createSeededRandom(options.seed)
  const phases = options.kills + 1
  const customers = planTraffic(random, { customers: options.customers, phases })
  const mailServer = await startMailServer()
  const server = await createServerProcess({ dataDir, smtpPort: mailServer.port })
  const client = createClient(server.url)
  const world: World = { client, server, mailServer, dataDir, random }
  try {
    await server.start()
    await launchCampaigns(client)
    const saysNo = createOptOuts(world, customers)
    let killsInside = 0
    for (let phase = 0; phase < phases; phase++) {
      const traffic = Promise.all(
        streamsOf(customers, phase).map((own) => stream(world, own, saysNo.afterEvents)),
      )
      // Handled below; the kill comes first.
      traffic.catch(() => {})
      if (phase < options.kills) {
        const { inside, line } = await killOnce(world, phase)
        if (inside) killsInside += 1
        options.say(`kill ${phase + 1} of ${options.kills}: ${line}`)
      }
      await traffic
      await saysNo.done()
      await getAhead(world)
    }
    mailServer.calm()
    const left = await settle(world, options.say)
    const exitCode = await server.stop()
    if (exitCode !== 0) throw new Error(`the server stopped with code ${exitCode}`)
    options.say(`settled: ${JSON.stringify(left)}; counting`)
    const evidence = {
      acknowledged: client.acknowledged,
      optOuts: client.optOuts,
      mails: mailServer.received,
      capMax,
    }
    const { counts, findings } = withFiles(dataDir, (store) => countOutside(store, evidence))
    const { lost, duplicated, over_cap, after_optout, unknown, cap_refusals, optouts, ...others } = counts
    const report: FaultReport = {
      ...{ lost, duplicated, over_cap, after_optout, unknown, kills: options.kills, cap_refusals, optouts },
      ...others,
      optouts_by_api: client.optOuts.filter(({ by }) => by === 'api').length,
      kills_inside: killsInside,
      events: new Set(client.acknowledged.map(({ messageId }) => messageId)).size,
      mails: mailServer.received.length,
      seconds: Math.round((Date.now() - startedAt) / 1000),
    }
    return { report, findings }
  } finally {
    client.giveUp()
    await server.stop()
    await mailServer.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function launchCampaigns(client: Client): Promise<void> {
  const yaml = readFileSync(new URL('campaigns.yaml', import.meta.url), 'utf8')
  await client.call('POST', '/api/v1/workspace-file', { yaml, actor: 'ann' })
  for (const campaign of ['cart', 'wishlist']) {
    for (const action of ['submit', 'approve', 'launch']) {
      await client.call('POST', `/api/v1/campaigns/${campaign}/${action}`, { actor: 'ann' })
    }
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
  { client, random }: World,
  events: PlannedEvent[],
  afterEvents: (events: PlannedEvent[]) => void,
): Promise<void> {
  for (let from = 0; from < events.length; from += eventsPerBatch) {
    const batch = events.slice(from, from + eventsPerBatch)
    await client.deliver(batch)
    afterEvents(batch)
    if (random.next() < 0.1) await client.deliver(batch)
  }
}

/** Customers say no as planned: at a mail by its link, or over the API right behind an event of theirs. */
function createOptOuts({ client, mailServer }: World, customers: PlannedCustomer[]) {
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
    if (optOut?.by === 'link') byLink.set(`${userId}@faults.example`, { userId, atMail: optOut.atMail })
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

type KillMoment = 'sending' | 'acknowledged' | 'any' | 'starting'
const moments: KillMoment[] = [
  'sending',
  'acknowledged',
  'sending',
  'acknowledged',
  'any',
  'sending',
  'starting',
]
/** No moment of the kind came: the phase's traffic is over. */
const patienceMs = 3000

async function killOnce(world: World, phase: number): Promise<{ inside: boolean; line: string }> {
  const { server, random, dataDir } = world
  const moment = moments[phase % moments.length] as KillMoment
  if (moment === 'starting') {
    // The server is stopped first in the midst of traffic: what matters is that it is killed as it starts.
    await Promise.race([world.mailServer.nextBegun(), wait(patienceMs)])
    await server.kill()
    server.spawn()
    await wait(Math.round(random.next() * 1200))
  } else {
    await Promise.race([momentOf(world, moment), wait(patienceMs)])
  }
  await server.kill()
  const standing = lookAtDead(dataDir)
  await server.start()
  return { inside: isInside(standing), line: `${moment}, ${JSON.stringify(standing)}` }
}

async function momentOf({ mailServer, client, random }: World, moment: KillMoment): Promise<void> {
  if (moment === 'sending') await mailServer.nextBegun()
  if (moment === 'acknowledged') await client.nextAcknowledgement()
  if (moment === 'any') await wait(Math.round(random.next() * 600))
}

function isInside({ sending, unprocessed }: Standing): boolean {
  return sending > 0 || unprocessed > 0
}

/** Between two kills the server gets on with its work for a while: a state of nothing but crashes proves little. */
async function getAhead({ dataDir }: World): Promise<void> {
  const until = Date.now() + aheadMsMax
  while (Date.now() < until) {
    const { unprocessed, queued } = lookAtLiving(dataDir)
    if (unprocessed === 0 && queued < queuedFew) return
    await wait(100)
  }
}

/** Until the log is read, and no message waits or is under way; gives up after a bounded time. */
async function settle({ dataDir }: World, say: (line: string) => void): Promise<Standing> {
  const until = Date.now() + settleMsMax
  let standing = lookAtLiving(dataDir)
  while (standing.unprocessed + standing.sending + standing.queued > 0 && Date.now() < until) {
    say(`settling: ${JSON.stringify(standing)}`)
    await wait(1000)
    standing = lookAtLiving(dataDir)
  }
  return standing
}
