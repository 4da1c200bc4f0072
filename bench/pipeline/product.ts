import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import kafkajs, { type Admin } from 'kafkajs'
import { Client } from 'pg'
import type { LoadOrder } from './load.ts'
import { createDatabase, type Services } from './services.ts'
import type { Traffic } from './traffic.ts'

export interface ProductOptions {
  services: Services
  /** Of its database and its topics. */
  name: string
  template: string
  /** Of the data folders. */
  folder: string
  workers: number
  warmUp: Traffic
  measured: Traffic
}

export interface Product {
  eventsPerSecond: number
  databaseUrl: string
  eventsTopic: string
}

/** Enough that the door reads the next requests while the brokers write the last ones. */
const connections = 64
const committedWithinMs = 300_000
const lookEveryMs = 20

/**
 * The product as it is operated: an api process and workers of their own, no sender and no strategist. Sends
 * the warm-up, then the measured events, and times from the first request until the store's offsets say
 * that every event is committed.
 */
export async function measureProduct(options: ProductOptions): Promise<Product> {
  const { services, name, workers, warmUp, measured } = options
  const databaseUrl = await createDatabase(services, name, options.template)
  const admin = await connectAdmin(services)
  const processes: ChildProcess[] = []
  const client = new Client({ connectionString: databaseUrl })
  try {
    const environment = { ...process.env, ...environmentOf(options, databaseUrl) }
    const api = await startRole('api', 0, options.folder, environment, processes)
    for (let i = 0; i < workers; i++) await startRole('worker', i, options.folder, environment, processes)
    await untilMembers(admin, `${name}.pipeline`, workers)
    await client.connect()
    const load = fork(new URL('./load.ts', import.meta.url))
    processes.push(load)
    const port = Number(new URL(api).port)
    await send(load, { ...warmUp, port, connections })
    await untilCommitted(client, warmUp.events)
    // As the server does by itself within a minute: until then it plans for tables that it takes for empty.
    await client.query('analyze')
    const startedAt = await send(load, { ...measured, port, connections })
    await untilCommitted(client, warmUp.events + measured.events)
    const eventsPerSecond = (measured.events * 1000) / (performance.now() - startedAt)
    await checkRows(client, [warmUp, measured])
    return { eventsPerSecond, databaseUrl, eventsTopic: `${name}.events` }
  } finally {
    await client.end()
    await admin.disconnect()
    await Promise.all(processes.map(stop))
  }
}

function environmentOf({ services, name }: ProductOptions, databaseUrl: string): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    STARLING_KAFKA_BROKERS: services.brokers.join(','),
    STARLING_KAFKA_TOPIC_PREFIX: name,
    STARLING_KAFKA_CREATE_TOPICS: 'true',
    STARLING_KAFKA_REPLICATION_FACTOR: '1',
    STARLING_HOST: '127.0.0.1',
    STARLING_PORT: '0',
  }
}

/** The address it listens on, as soon as it does. */
async function startRole(
  role: string,
  number: number,
  folder: string,
  environment: NodeJS.ProcessEnv,
  processes: ChildProcess[],
): Promise<string> {
  const dataDir = join(folder, `${role}-${number}`)
  mkdirSync(dataDir, { recursive: true })
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, '../../bin/starling.js'), 'serve', '--roles', role, '--json'],
    { env: { ...environment, STARLING_DATA_DIR: dataDir }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  processes.push(child)
  running.add(child)
  child.on('exit', () => running.delete(child))
  passOnTrouble(child.stderr)
  let output = ''
  child.stdout.setEncoding('utf8')
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (text: string) => {
      output += text
      const url = /^\{"url":"([^"]+)"\}$/m.exec(output)?.[1]
      if (url !== undefined) resolve(url)
    })
    child.on('exit', () => reject(new Error(`the role ${role} ended: ${output}`)))
  })
}

/** Whoever ends this process ends what it has started. */
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Of what a process logs, what is no mere information. */
function passOnTrouble(stderr: Readable): void {
  createInterface({ input: stderr }).on('line', (line) => {
    if (!line.includes('"level":"info"')) console.error(line)
  })
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000)
  await gone
  clearTimeout(timer)
}

/** Returns the instant (of the steady clock) of the first request, after all are answered. */
async function send(load: ChildProcess, order: LoadOrder): Promise<number> {
  load.send(order)
  await word(load, 'ready')
  const startedAt = performance.now()
  load.send('go')
  await word(load, 'sent')
  return startedAt
}

async function word(load: ChildProcess, expected: string): Promise<void> {
  const ended = once(load, 'exit').then(() => {
    throw new Error('the load generator ended early')
  })
  const [said] = (await Promise.race([once(load, 'message'), ended])) as [string]
  if (said !== expected) throw new Error(`the load generator said ${said}`)
}

async function untilCommitted(client: Client, events: number): Promise<void> {
  const deadline = performance.now() + committedWithinMs
  for (;;) {
    const { rows } = await client.query(
      `select coalesce(sum(next_offset), 0)::int as committed from log_offsets where group_name = 'pipeline'`,
    )
    if (rows[0].committed >= events) return
    if (performance.now() > deadline)
      throw new Error(`${rows[0].committed} of ${events} events are committed, and it takes too long`)
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
  }
}

/** What was timed happened: every event is stored, every trigger has its decision. */
async function checkRows(client: Client, traffics: Traffic[]): Promise<void> {
  const { rows } = await client.query(`select (select count(*) from events)::int as events,
    (select count(*) from decisions)::int as decisions`)
  const events = traffics.reduce((sum, own) => sum + own.events, 0)
  const decisions = traffics.reduce((sum, own) => sum + Math.ceil(own.events / own.oneInDecides), 0)
  if (rows[0].events !== events || rows[0].decisions !== decisions) {
    const stored = `${rows[0].events} events and ${rows[0].decisions} decisions`
    throw new Error(`${stored} are stored, ${events} and ${decisions} were expected`)
  }
}

async function connectAdmin({ brokers }: Services): Promise<Admin> {
  const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
  return admin
}

/** All workers have joined, and their partitions are theirs. */
async function untilMembers(admin: Admin, groupId: string, workers: number): Promise<void> {
  const deadline = performance.now() + 60_000
  for (;;) {
    const { groups } = await admin.describeGroups([groupId])
    if (groups[0]?.state === 'Stable' && groups[0].members.length === workers) return
    if (performance.now() > deadline) throw new Error(`the workers do not join: ${groups[0]?.state}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
