import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Client as PostgresClient } from 'pg'
import type { Random } from '#contracts/random.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { createClient } from './client.ts'
import { type Counts, countOutside } from './count-outside.ts'
import { startCuttingProxy } from './cutting-proxy.ts'
import { createServicesView } from './look-at-services.ts'
import { startMailServer } from './mail-server.ts'
import { type OwnServices, startOwnServices } from './own-services.ts'
import { assignedText, createRoleProcesses, fencedText } from './role-processes.ts'
import { environmentOf } from './server-process.ts'
import {
  everyRound,
  type FaultKind,
  faultKinds,
  faults,
  killing,
  type ServiceWorld,
} from './service-faults.ts'
import { capMax, createTraffic, launchCampaigns, type Traffic } from './traffic.ts'
import { planTraffic } from './traffic-plan.ts'

export interface ServiceFaultReport extends Counts, Record<FaultKind, number> {
  kills: number
  faults: number
  /** Faults that met work under way. */
  faults_inside: number
  /** Batches of a worker that found its partition gone on without it. */
  batches_fenced: number
  /** Partitions given to a worker by a rebalance, its first of each start among them. */
  assignments: number
  optouts_by_api: number
  events: number
  mails: number
  seconds: number
}

export interface ServiceFaultOptions {
  rounds: number
  seed: number
  customers: number
  /** Folder for what the processes print. */
  logs: string | undefined
  say: (line: string) => void
}

/** A phase's traffic lasts so long, if nothing stands in its way. */
const phaseMs = 6000
/** How long the roles may work off what a fault left before the next one comes. */
const aheadMsMax = 20_000
const queuedFew = 20
/** A message of a dead sender is unknown when its lease has run out (120 s) and another has looked (each 30 s). */
const settleMsMax = 200_000
const topicPrefix = 'faults'

/** The whole story on Kafka, PostgreSQL and Redis: traffic in phases, each with one fault inside, then the count. */
export async function runServiceFaults(
  options: ServiceFaultOptions,
): Promise<{ report: ServiceFaultReport; findings: string[] }> {
  const startedAt = Date.now()
  const closers: (() => unknown)[] = []
  try {
    const random = createSeededRandom(options.seed)
    const plan = planFaults(random, options.rounds)
    const customers = planTraffic(random, { customers: options.customers, phases: plan.length })
    const world = await startWorld(options, random, closers)
    const { client, mailServer, roles, view, broken } = world
    const traffic = createTraffic(world, customers)
    let inside = 0
    for (const [phase, kind] of plan.entries()) {
      if (await playPhase(world, traffic, phase, kind, options.say)) inside += 1
    }
    mailServer.calm()
    await settle(world, options.say)
    const unclean = await roles.stopAll()
    broken.push(
      ...client.unfitting.slice(0, 20).map((answer) => `answered with a fault of its own: ${answer}`),
    )
    broken.push(...unclean.map((line) => `stopped with another code than 0: ${line}`))
    const { acknowledged, optOuts } = client
    const evidence = { acknowledged, optOuts, mails: mailServer.received, capMax }
    const { counts, findings } = countOutside(await view.rows(), evidence)
    const count = (kind: FaultKind): number => plan.filter((own) => own === kind).length
    const {
      lost,
      duplicated,
      over_cap,
      after_optout,
      out_of_order,
      unknown,
      cap_refusals,
      optouts,
      ...others
    } = counts
    const report: ServiceFaultReport = {
      ...{ lost, duplicated, over_cap, after_optout, out_of_order, unknown },
      kills: plan.filter((kind) => killing.includes(kind)).length,
      ...{ cap_refusals, optouts, ...others },
      optouts_by_api: optOuts.filter(({ by }) => by === 'api').length,
      faults: plan.length,
      faults_inside: inside,
      ...(Object.fromEntries(faultKinds.map((kind) => [kind, count(kind)])) as Record<FaultKind, number>),
      batches_fenced: roles.printed(fencedText),
      assignments: roles.printed(assignedText),
      events: new Set(acknowledged.map(({ messageId }) => messageId)).size,
      mails: mailServer.received.length,
      seconds: Math.round((Date.now() - startedAt) / 1000),
    }
    return { report, findings: [...broken, ...findings] }
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

/**
 * Every kind in each round, in seeded order, and one rolling restart. In the last round the sender is killed
 * first: what it left is unknown when its lease has run out, and the other faults fill that time.
 */
function planFaults(random: Random, rounds: number): FaultKind[] {
  const plan: FaultKind[] = []
  for (let round = 0; round < rounds; round++) {
    const own = shuffled(random, round === 0 ? faultKinds : everyRound)
    if (round === rounds - 1) own.sort((a, b) => Number(b === 'sender_kills') - Number(a === 'sender_kills'))
    plan.push(...own)
  }
  return plan
}

function shuffled<T>(random: Random, items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: random.next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)
}

async function startWorld(
  { say, logs }: ServiceFaultOptions,
  random: Random,
  closers: (() => unknown)[],
): Promise<ServiceWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'starling-faults-'))
  closers.push(() => rmSync(folder, { recursive: true, force: true }))
  say('starting Kafka, PostgreSQL and Redis')
  const services = await startOwnServices()
  closers.push(() => services.destroy())
  const byway = services.bywayPort()
  const proxy = await startCuttingProxy({ listen: byway + 1, target: byway })
  closers.push(() => proxy.close())
  const databaseUrl = await createDatabase(services)
  const mailServer = await startMailServer()
  closers.push(() => mailServer.close())
  const direct = `127.0.0.1:${services.port('kafka')}`
  const roles = await createRoleProcesses({
    folder,
    logs,
    env: (dataDir) => ({
      ...environmentOf({ dataDir, smtpPort: mailServer.port }),
      DATABASE_URL: databaseUrl,
      STARLING_REDIS_URL: `redis://127.0.0.1:${services.port('redis')}`,
      STARLING_KAFKA_TOPIC_PREFIX: topicPrefix,
      STARLING_LOG_PARTITIONS: '8',
      // Only the path of a link is used.
      STARLING_PUBLIC_URL: 'http://faults.example',
    }),
    ofRole: (role) =>
      role === 'api'
        ? { STARLING_KAFKA_BROKERS: `127.0.0.1:${byway}`, STARLING_KAFKA_CREATE_TOPICS: 'true' }
        : { STARLING_KAFKA_BROKERS: direct },
  })
  closers.push(() => roles.stopAll())
  say('starting the roles')
  await roles.startAll()
  const client = createClient(roles.doors)
  closers.push(() => client.giveUp())
  await launchCampaigns(client)
  const reason = await roles.ready()
  if (reason !== null) throw new Error(reason)
  const view = createServicesView({ databaseUrl, broker: direct, topic: `${topicPrefix}.events` })
  return { client, mailServer, random, services, proxy, roles, view, broken: [] }
}

async function createDatabase(services: OwnServices): Promise<string> {
  const server = `postgres://postgres@127.0.0.1:${services.port('postgres')}`
  const client = new PostgresClient({ connectionString: `${server}/postgres` })
  await client.connect()
  await client.query('create database starling')
  await client.end()
  return `${server}/starling`
}

/** True where the fault met work under way. */
async function playPhase(
  world: ServiceWorld,
  traffic: Traffic,
  phase: number,
  kind: FaultKind,
  say: (line: string) => void,
): Promise<boolean> {
  const delivery = traffic.run(phase, phaseMs)
  // Handled below; the fault comes first.
  delivery.catch(() => {})
  const { inside, line } = await faults[kind](world)
  say(`${phase + 1}. ${kind}${inside ? '' : ' (met nothing)'}: ${line}`)
  await delivery
  await traffic.saidNo()
  const since = Date.now()
  const ended = await world.roles.revive()
  world.broken.push(...ended)
  for (const how of ended) say(how)
  const reason = await world.roles.ready()
  if (reason !== null) world.broken.push(`after ${kind}: ${reason}`)
  await getAhead(world, say)
  say(`   the next after ${Date.now() - since} ms`)
  return inside
}

/** A state of nothing but faults proves little: between two of them the work gets done. */
async function getAhead({ view }: ServiceWorld, say: (line: string) => void): Promise<void> {
  const until = Date.now() + aheadMsMax
  for (;;) {
    const standing = await view.standing()
    if (standing !== null && standing.unprocessed === 0 && standing.queued < queuedFew) return
    if (Date.now() > until) return say(`   still behind: ${JSON.stringify(standing)}`)
    await wait(200)
  }
}

/** Until the log is read, and no message waits or is under way; gives up after a bounded time. */
async function settle({ view }: ServiceWorld, say: (line: string) => void): Promise<void> {
  const until = Date.now() + settleMsMax
  for (let round = 0; ; round++) {
    const standing = await view.standing()
    const left = standing === null ? 1 : standing.unprocessed + standing.sending + standing.queued
    if (round % 10 === 0 || left === 0) say(`settling: ${JSON.stringify(standing)}`)
    if (left === 0 || Date.now() > until) return
    await wait(1000)
  }
}
