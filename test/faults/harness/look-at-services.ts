import kafkajs, { type Admin } from 'kafkajs'
import { Client } from 'pg'
import type { Standing } from './look-outside.ts'
import { rowsOfPostgres, type StoreRows, typesAsInSqlite } from './store-rows.ts'

/** PostgreSQL and Kafka as anybody may ask them, past the engine and past its connections. */
export interface ServicesView {
  /** Null while one of them is away. */
  standing(): Promise<Standing | null>
  /** Messages that the process with this id has claimed and without a result. */
  sendingOf(pid: number): Promise<number>
  /** What the count looks at. */
  rows(): Promise<StoreRows>
}

const answerMsMax = 3000

export function createServicesView(at: { databaseUrl: string; broker: string; topic: string }): ServicesView {
  const kafka = new kafkajs.Kafka({
    clientId: 'faults',
    brokers: [at.broker],
    connectionTimeout: answerMsMax,
    requestTimeout: answerMsMax,
    retry: { retries: 0 },
    logLevel: kafkajs.logLevel.NOTHING,
  })

  /** A connection for each look: a kept one would be cut with the server. */
  const ask = async <T>(work: (client: Client) => Promise<T>): Promise<T> => {
    const client = new Client({
      connectionString: at.databaseUrl,
      types: typesAsInSqlite,
      connectionTimeoutMillis: answerMsMax,
    })
    client.on('error', () => {})
    await client.connect()
    try {
      return await work(client)
    } finally {
      await client.end().catch(() => {})
    }
  }
  const ends = async (): Promise<Map<number, number>> => {
    const admin: Admin = kafka.admin()
    try {
      await admin.connect()
      const offsets = await admin.fetchTopicOffsets(at.topic)
      return new Map(offsets.map(({ partition, high }) => [partition, Number(high)]))
    } finally {
      await admin.disconnect().catch(() => {})
    }
  }
  const stand = async (client: Client, logEnds: Map<number, number>): Promise<Standing> => {
    const states = await client.query<{ state: string; n: number }>(
      `select state, count(*) as n from messages where state in ('sending', 'queued') group by state`,
    )
    const offsets = await client.query<{ partition_number: number; next_offset: number }>(
      `select partition_number, next_offset from log_offsets where group_name = 'pipeline'`,
    )
    const committed = new Map(offsets.rows.map((row) => [row.partition_number, row.next_offset]))
    let unprocessed = 0
    for (const [partition, end] of logEnds) unprocessed += Math.max(0, end - (committed.get(partition) ?? 0))
    const count = (state: string): number => states.rows.find((row) => row.state === state)?.n ?? 0
    return { sending: count('sending'), unprocessed, queued: count('queued') }
  }

  return {
    async standing() {
      try {
        const logEnds = await ends()
        return await ask((client) => stand(client, logEnds))
      } catch {
        return null
      }
    },
    sendingOf: (pid) =>
      ask(async (client) => {
        const { rows } = await client.query<{ n: number }>(
          `select count(*) as n from messages where state = 'sending' and lease_owner like $1`,
          [`%:${pid}:%`],
        )
        return rows[0]?.n ?? 0
      }),
    rows: () => ask(rowsOfPostgres),
  }
}
