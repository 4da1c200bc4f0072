import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Random } from '#contracts/random.ts'
import type { Client } from './client.ts'
import { type CuttingProxy, cuts } from './cutting-proxy.ts'
import type { ServicesView } from './look-at-services.ts'
import type { MailServer } from './mail-server.ts'
import type { OwnServices } from './own-services.ts'
import { fencedText, type RoleProcesses } from './role-processes.ts'

export interface ServiceWorld {
  client: Client
  mailServer: MailServer
  random: Random
  services: OwnServices
  proxy: CuttingProxy
  roles: RoleProcesses
  view: ServicesView
  /** What is broken, for a person. */
  broken: string[]
}

/** What became of one fault. */
export interface Struck {
  /** It met work under way. */
  inside: boolean
  line: string
}

export const faultKinds = [
  'worker_kills',
  'sender_kills',
  'kafka_kills',
  'postgres_stops',
  'redis_flushes',
  'redis_kills',
  'worker_pauses',
  'connection_cuts',
  'rolling_restarts',
] as const
export type FaultKind = (typeof faultKinds)[number]

/** Of those that the run makes in each round; the roles are restarted once. */
export const everyRound = faultKinds.filter((kind) => kind !== 'rolling_restarts')
/** Ends a process that may have promised something. */
export const killing: readonly FaultKind[] = [
  'worker_kills',
  'sender_kills',
  'kafka_kills',
  'postgres_stops',
  'redis_kills',
]

/** Strikes in the midst of traffic, and brings back what it took away. */
export const faults: Record<FaultKind, (world: ServiceWorld) => Promise<Struck>> = {
  worker_kills: killWorker,
  sender_kills: killSender,
  kafka_kills: (world) => endService(world, 'kafka', 'SIGKILL'),
  // What `pg_ctl stop -m immediate` sends: no clean end, as in a power cut.
  postgres_stops: (world) => endService(world, 'postgres', 'SIGQUIT'),
  redis_flushes: flushRedis,
  redis_kills: (world) => endService(world, 'redis', 'SIGKILL'),
  worker_pauses: pauseWorker,
  connection_cuts: cutConnections,
  rolling_restarts: restartRoles,
}

/** No moment of the kind came: the phase's traffic is over. */
const patienceMs = 5000
/** A worker that is not heard of for 10 s loses its partitions. */
const sessionMs = 10_000
const takeOverMsMax = 40_000

async function killWorker({ roles, view, random, client }: ServiceWorld): Promise<Struck> {
  const victim = roles.pick('worker', random)
  await Promise.race([client.nextAcknowledgement(), wait(patienceMs)])
  await wait(random.next() * 20)
  await victim.kill()
  const standing = await view.standing()
  await wait(random.next() * 1500)
  await victim.start()
  return {
    inside: (standing?.unprocessed ?? 0) > 0,
    line: `${victim.name}, ${JSON.stringify(standing)}`,
  }
}

async function killSender({ roles, view, random }: ServiceWorld): Promise<Struck> {
  const victim = roles.pick('sender', random)
  const pid = victim.pid()
  for (const until = Date.now() + patienceMs; Date.now() < until; ) if ((await view.sendingOf(pid)) > 5) break
  await victim.kill()
  const sending = await view.sendingOf(pid)
  await wait(random.next() * 1500)
  await victim.start()
  return { inside: sending > 0, line: `${victim.name} with ${sending} messages under way` }
}

async function endService(
  { client, services, random }: ServiceWorld,
  name: 'kafka' | 'postgres' | 'redis',
  signal: NodeJS.Signals,
): Promise<Struck> {
  await Promise.race([client.nextAcknowledgement(), wait(patienceMs)])
  await wait(random.next() * 50)
  const acknowledged = client.acknowledged.length
  await services.end(name, signal)
  const awaySince = Date.now()
  await wait(500 + random.next() * 1500)
  const unanswered = client.unanswered()
  await services.bringBack(name)
  const awayMs = Date.now() - awaySince
  const meanwhile = client.acknowledged.length - acknowledged
  return {
    // The doors need no Redis: that they go on is what shows it.
    inside: name === 'redis' ? meanwhile > 0 : unanswered > 0,
    line: `away for ${awayMs} ms, ${unanswered} requests under way, ${meanwhile} events acknowledged meanwhile`,
  }
}

async function flushRedis({ client, services }: ServiceWorld): Promise<Struck> {
  await Promise.race([client.nextAcknowledgement(), wait(patienceMs)])
  const redis = new Redis(services.port('redis'), '127.0.0.1')
  try {
    const keys = await redis.dbsize()
    await redis.flushall()
    return { inside: keys > 0, line: `${keys} keys gone` }
  } finally {
    redis.disconnect()
  }
}

async function pauseWorker({ client, random, roles, view }: ServiceWorld): Promise<Struck> {
  const paused = roles.pick('worker', random)
  const fencedBefore = paused.printed(fencedText)
  await Promise.race([client.nextAcknowledgement(), wait(patienceMs)])
  await wait(random.next() * 20)
  paused.pause()
  const pausedAt = Date.now()
  const waiting = (await view.standing())?.unprocessed ?? 0
  let left = Number.POSITIVE_INFINITY
  let waitingMost = waiting
  while (Date.now() < pausedAt + takeOverMsMax && (left > 0 || Date.now() < pausedAt + sessionMs + 1000)) {
    await wait(250)
    left = (await view.standing())?.unprocessed ?? left
    waitingMost = Math.max(waitingMost, left)
  }
  const pausedMs = Date.now() - pausedAt
  paused.goOn()
  // It finds out with its next batch.
  const fenced = (): number => paused.printed(fencedText) - fencedBefore
  for (const until = Date.now() + patienceMs; fenced() === 0 && Date.now() < until; ) await wait(100)
  return {
    inside: waitingMost > 0 && left === 0,
    line: `${paused.name} for ${pausedMs} ms; of up to ${waitingMost} records waiting ${left} were left; ${fenced()} of its batches were refused`,
  }
}

async function cutConnections({ proxy, random, client }: ServiceWorld): Promise<Struck> {
  const order = cuts.toSorted(() => random.next() - 0.5)
  const done: string[] = []
  for (const cut of order) {
    const unanswered = client.unanswered()
    const inTime = await Promise.race([proxy.cutNext(cut).then(() => true), wait(patienceMs, false)])
    if (inTime) done.push(`${cut} (${unanswered} requests under way)`)
    await wait(random.next() * 300)
  }
  return { inside: done.length === order.length, line: done.join(', ') }
}

/** One after the other, as an update would; each must end by itself with exit code 0. */
async function restartRoles({ roles, random, broken }: ServiceWorld): Promise<Struck> {
  const order = roles.all.toSorted(() => random.next() - 0.5)
  const lines: string[] = []
  for (const process of order) {
    const since = Date.now()
    const exitCode = await process.stop()
    const stoppedMs = Date.now() - since
    if (exitCode !== 0) broken.push(`${process.name} stopped with code ${exitCode} after ${stoppedMs} ms`)
    await process.start()
    const reason = await roles.ready()
    if (reason !== null) broken.push(`after the restart of ${process.name}: ${reason}`)
    lines.push(`${process.name} ${stoppedMs}+${Date.now() - since - stoppedMs} ms`)
  }
  return { inside: true, line: lines.join(', ') }
}
