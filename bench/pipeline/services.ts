import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import kafkajs from 'kafkajs'
import { Client } from 'pg'
import { quietTimerWarning } from '#platform/log/kafka/quiet-timer-warning.ts'

quietTimerWarning()

/** Where the services of this run are. */
export interface Services {
  postgresUrl: string
  brokers: string[]
}

/** From the environment, else from what `scripts/services up` wrote; null where one is missing. */
export function findServices(): Services | null {
  const folder = process.env.STARLING_SERVICES_DIR ?? join(import.meta.dirname, '../../.services')
  const file = join(folder, 'env')
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const written = new Map(
    [...text.matchAll(/^export (\w+)=(.+)$/gm)].map(([, name, value]) => [name, value] as const),
  )
  const address = (name: string) => process.env[name] ?? written.get(name)
  const postgresUrl = address('STARLING_TEST_POSTGRES_URL')
  const brokers = address('STARLING_TEST_KAFKA_BROKERS')
  return postgresUrl === undefined || brokers === undefined
    ? null
    : { postgresUrl, brokers: brokers.split(',') }
}

/** The server's URL with another database. */
export function databaseUrl({ postgresUrl }: Services, database: string): string {
  const url = new URL(postgresUrl)
  url.pathname = `/${database}`
  return url.href
}

/** A new database, empty or a copy of `template`, in place of one that an earlier run left behind. */
export async function createDatabase(services: Services, name: string, template?: string): Promise<string> {
  await withClient(services.postgresUrl, async (client) => {
    await client.query(`drop database if exists ${name} with (force)`)
    const source = template === undefined ? '' : ` template ${template}`
    await client.query(`create database ${name}${source}`)
    // What the copy left to write must not be written while somebody measures.
    await client.query('checkpoint')
  })
  return databaseUrl(services, name)
}

/** Removes the databases and topics whose names begin with `prefix`. */
export async function removeAll({ postgresUrl, brokers }: Services, prefix: string): Promise<void> {
  await withClient(postgresUrl, async (client) => {
    const { rows } = await client.query(
      'select datname as name from pg_database where starts_with(datname, $1)',
      [prefix],
    )
    for (const { name } of rows) await client.query(`drop database if exists ${name} with (force)`)
  })
  const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
  const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix))
  if (topics.length > 0) await admin.deleteTopics({ topics })
  await admin.disconnect()
}

export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
