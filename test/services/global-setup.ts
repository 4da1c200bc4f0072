import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { Kafka, logLevel } from 'kafkajs'
import { Client } from 'pg'

const answerMaxMs = 10_000

interface Service {
  name: string
  variable: string
  /** Throws when it does not answer. */
  ask(address: string): Promise<void>
}

const services: Service[] = [
  { name: 'PostgreSQL', variable: 'STARLING_TEST_POSTGRES_URL', ask: askPostgres },
  { name: 'Kafka', variable: 'STARLING_TEST_KAFKA_BROKERS', ask: askKafka },
  { name: 'Redis', variable: 'STARLING_TEST_REDIS_URL', ask: askRedis },
]

/** Finds the services that these tests run on; without one it ends the run, where a skip would look like success. */
export default async function findServices(): Promise<void> {
  readEnvironmentFile()
  const faults = await Promise.all(services.map(faultOf))
  const found = faults.filter((fault) => fault !== null)
  if (found.length === 0) return
  // An error would come as ten lines, among them "no test files found".
  console.error(`${found.join('; ')}. Start them with: scripts/services up`)
  process.exit(1)
}

/** What `scripts/services up` wrote; a variable that is set already wins. */
function readEnvironmentFile(): void {
  const folder = process.env.STARLING_SERVICES_DIR ?? join(import.meta.dirname, '../../.services')
  const file = join(folder, 'env')
  if (!existsSync(file)) return
  for (const [, name, value] of readFileSync(file, 'utf8').matchAll(/^export (\w+)=(.+)$/gm)) {
    if (name !== undefined) process.env[name] ??= value
  }
}

async function faultOf({ name, variable, ask }: Service): Promise<string | null> {
  const address = process.env[variable]
  if (address === undefined || address === '') return `${name} is missing (${variable} is not set)`
  try {
    await ask(address)
    return null
  } catch (error) {
    const reason = error instanceof Error ? error.message || error.name : String(error)
    return `${name} does not answer at ${address} (${variable}): ${reason}`
  }
}

async function askPostgres(connectionString: string): Promise<void> {
  const client = new Client({ connectionString, connectionTimeoutMillis: answerMaxMs })
  try {
    await client.connect()
    await client.query('select 1')
  } finally {
    await client.end()
  }
}

async function askKafka(brokers: string): Promise<void> {
  const admin = new Kafka({
    brokers: brokers.split(','),
    connectionTimeout: answerMaxMs,
    requestTimeout: answerMaxMs,
    retry: { retries: 0 },
    logLevel: logLevel.NOTHING,
  }).admin()
  try {
    await admin.connect()
    await admin.describeCluster()
  } finally {
    await admin.disconnect()
  }
}

async function askRedis(url: string): Promise<void> {
  const redis = new Redis(url, { lazyConnect: true, connectTimeout: answerMaxMs, retryStrategy: () => null })
  let reason: Error | undefined
  redis.on('error', (error) => {
    reason ??= error
  })
  try {
    await redis.connect()
    await redis.ping()
  } catch (error) {
    throw reason ?? error
  } finally {
    redis.disconnect()
  }
}
