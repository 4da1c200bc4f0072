import type { PostgresPool, PostgresPoolClient } from 'kysely'
import { type Connection, Pool, type PoolClient, type PoolConfig, Query, types } from 'pg'
import { createStatementNames, type StatementNames } from './statement-names.ts'
import { isStalePlan } from './store-faults.ts'

/** What the pools of one store share. */
export interface PostgresPoolOptions {
  url: string
  connectionsMax: number
  /** A statement that runs longer is ended by the server. */
  statementMaxMs: number
  /** Settings of each session, `name=value`. */
  settings?: string[]
}

/** How long to wait for a free connection, or for the server to answer a new one. */
const connectMaxMs = 10_000
/** Waiting for another transaction's lock any longer is a failure; the step is tried again. */
const lockMaxMs = 10_000
/** A process that was paused inside a transaction holds its locks for at most this long. */
const idleInTransactionMaxMs = 10_000
/** The server's own limit comes first; this one is for a server that no longer answers at all. */
const answerGraceMs = 20_000
/** Ten seconds, pg's default, would open new connections all day. */
const idleConnectionMs = 60_000

export interface OwnPool {
  /** For Kysely: its statements are prepared once per connection. */
  kyselyPool: PostgresPool
  /** Whether somebody waits for a connection. */
  isBusy(): boolean
  end(): Promise<void>
}

/** Connections to one database. Nothing is connected before the first query. */
export function createPostgresPool(options: PostgresPoolOptions): OwnPool {
  const pool = new Pool(configOf(options))
  // A connection that the server ends is dropped by the pool, and the query under way fails by itself.
  // Without a listener the same error would end the process.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  const names = createStatementNames()
  const wrapped = new WeakMap<PoolClient, PostgresPoolClient>()
  return {
    isBusy: () => pool.waitingCount > 0,
    end: () => pool.end(),
    kyselyPool: {
      options: pool.options,
      end: () => pool.end(),
      async connect() {
        const client = await pool.connect()
        const known = wrapped.get(client) ?? wrapClient(client, names)
        wrapped.set(client, known)
        return known
      },
    },
  }
}

function configOf({ url, connectionsMax, statementMaxMs, settings = [] }: PostgresPoolOptions): PoolConfig {
  const location = new URL(url)
  // The URL's own options stay, such as a search_path.
  const own = ['jit=off', ...settings].map((setting) => `-c ${setting}`)
  location.searchParams.set('options', [location.searchParams.get('options') ?? '', ...own].join(' ').trim())
  return {
    connectionString: location.href,
    max: connectionsMax,
    // Statements given at once (`together.ts`) are sent at once.
    pipeline: true,
    connectionTimeoutMillis: connectMaxMs,
    idleTimeoutMillis: idleConnectionMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: connectMaxMs,
    application_name: 'starling',
    ...(statementMaxMs > 0
      ? {
          statement_timeout: statementMaxMs,
          query_timeout: statementMaxMs + answerGraceMs,
          lock_timeout: lockMaxMs,
          idle_in_transaction_session_timeout: idleInTransactionMaxMs,
        }
      : {}),
    types: { getTypeParser },
  }
}

function wrapClient(client: PoolClient, names: StatementNames): PostgresPoolClient {
  const query = async (text: string, values: readonly unknown[] = []) => {
    if (text.startsWith(copyPrefix)) return copyIn(client, text, String(values[0]))
    const name = values.length === 0 ? undefined : names.nameOf(text)
    if (name === undefined) return client.query(text, [...values])
    try {
      return await client.query({ name, text, values: [...values] })
    } catch (error) {
      // A migration of a newer version changed a table under this connection's plan: plan it anew.
      if (!isStalePlan(error)) throw error
      names.forget(text)
      // Inside a transaction that is too late: its end is the error, and the next run has no plan to lose.
      return client.query(text, [...values]).catch(() => {
        throw error
      })
    }
  }
  return {
    query: query as unknown as PostgresPoolClient['query'],
    release: (broken?: boolean) => client.release(broken),
    get processID() {
      return (client as { processID?: number }).processID
    },
  } as PostgresPoolClient
}

const copyPrefix = 'copy '

interface CopyConnection {
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
}

/**
 * `copy … from stdin` with all its data at once, behind the statement: the server drops data that comes after
 * a statement which it refused.
 */
async function copyIn(client: PoolClient, text: string, data: string) {
  return new Promise<{ command: string; rowCount: number; rows: never[] }>((resolve, reject) => {
    const copy = new Query(text, undefined, (error, result) => {
      if (error) reject(error)
      else resolve({ command: 'INSERT', rowCount: Number(result.rowCount), rows: [] })
    })
    const submit = (connection: CopyConnection): void => {
      connection.query(text)
      connection.sendCopyFromChunk(Buffer.from(data))
      connection.endCopyFrom()
    }
    // pg's own would refuse the data that is on its way.
    Object.assign(copy, { submit, handleCopyInResponse() {} })
    client.query(copy as unknown as { submit(connection: Connection): void })
  })
}

const parsers = new Map<number, (value: string) => unknown>([
  [types.builtins.INT8, parseInt8],
  // As in SQLite, the rooms parse it themselves, or pass it on as it is.
  [types.builtins.JSONB, (value) => value],
  [types.builtins.NUMERIC, (value) => value],
  [types.builtins.BYTEA, parseBytes],
])

function getTypeParser(oid: number, format?: 'text' | 'binary') {
  return parsers.get(oid) ?? types.getTypeParser(oid, format as 'text')
}

function parseInt8(value: string): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number))
    throw new RangeError(`${value} is beyond the integers that a number holds`)
  return number
}

/** A plain array as in SQLite: a Buffer's `slice` shares its memory. */
function parseBytes(value: string): Uint8Array {
  const { buffer, byteOffset, length } = Buffer.from(value.slice(2), 'hex')
  return new Uint8Array(buffer, byteOffset, length)
}
