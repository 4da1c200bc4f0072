import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'

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

export async function dropDatabase({ postgresUrl }: Services, name: string): Promise<void> {
  await withClient(postgresUrl, (client) => client.query(`drop database if exists ${name} with (force)`))
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
