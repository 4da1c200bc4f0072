import { Kysely, PostgresDialect } from 'kysely'
import { Pool, type PoolConfig, types } from 'pg'
import { createPostgresBulkInsert, loadColumnTypes } from './bulk-insert-postgres.ts'
import { migratePostgres } from './migrate.ts'
import { createTransactionRunner } from './open-transaction.ts'
import type { StoreSchema } from './schema.ts'
import type { Store } from './store.ts'
import { createScope, createTransactionScope } from './store-scope.ts'
import type { WorkspaceDbParts } from './workspace-db.ts'

/** Opens a store in PostgreSQL 15 or later: one pool of connections that write, one of such that only read. */
export async function openPostgres(url: string, now: () => number): Promise<Store> {
  const writePool = createPool({ connectionString: url, max: 10 })
  // As with SQLite's read-only connection: a write outside a transaction fails, instead of passing unlocked.
  const readPool = createPool({
    connectionString: url,
    max: 10,
    options: '-c default_transaction_read_only=on',
  })
  const write = new Kysely<StoreSchema>({ dialect: new PostgresDialect({ pool: writePool }) })
  const read = new Kysely<StoreSchema>({ dialect: new PostgresDialect({ pool: readPool }) })
  const close = async () => {
    await Promise.all([writePool.end(), readPool.end()])
  }
  try {
    await migratePostgres(
      write as unknown as Kysely<unknown>,
      `The database ${new URL(url).pathname.slice(1)}`,
      now,
    )
    const columnTypes = await loadColumnTypes(write)
    const transactions = createTransactionRunner()
    const partsOf = (kysely: Kysely<StoreSchema>, assertOpen: () => void): WorkspaceDbParts => ({
      dialect: 'postgres',
      kysely,
      bulkInsert: createPostgresBulkInsert(kysely, columnTypes),
      assertOpen,
    })
    return {
      dialect: 'postgres',
      read: createScope(partsOf(read, () => {})),
      async transaction(work) {
        transactions.assertOutside()
        return write
          .transaction()
          .setIsolationLevel('read committed')
          .execute((tx) =>
            transactions.run(({ assertOpen }) =>
              work(createTransactionScope(partsOf(tx, assertOpen), () => writePool.waitingCount > 0)),
            ),
          )
      },
      async snapshot(work) {
        return read
          .transaction()
          .setIsolationLevel('repeatable read')
          .setAccessMode('read only')
          .execute((tx) =>
            createTransactionRunner().run(({ assertOpen }) => work(createScope(partsOf(tx, assertOpen)))),
          )
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function createPool(config: PoolConfig): Pool {
  const pool = new Pool({ ...config, types: { getTypeParser } })
  // A connection that the server ends is dropped by the pool, and the query under way fails by itself.
  // Without a listener the same error would end the process.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
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
