import { setTimeout as wait } from 'node:timers/promises'
import { type ConnectionProvider, Kysely, PostgresDialect, sql, type Transaction } from 'kysely'
import { createPostgresBulkInsert, loadColumnTypes } from './bulk-insert-postgres.ts'
import { explainPostgresFault, urlFault, versionFault } from './explain-postgres-fault.ts'
import { migratePostgres } from './migrate.ts'
import { createTransactionRunner } from './open-transaction.ts'
import { createPartitionKeeper } from './partitions.ts'
import { createPostgresPool, type OwnPool } from './postgres-pool.ts'
import type { StoreSchema } from './schema.ts'
import type { Store } from './store.ts'
import { isLostRace } from './store-faults.ts'
import { createScope, createTransactionScope } from './store-scope.ts'
import type { WorkspaceDbParts } from './workspace-db.ts'

/** Of each thread that plays a role, for writing and for reading: a batch and a claim need one each. */
const connectionsMax = 5
/** A batch takes milliseconds. */
const writeMaxMs = 60_000
/** A report over everything. */
const readMaxMs = 600_000

/** A transaction that lost a race runs again that often, each time after a little longer. */
const runsMax = 6
const pauseMs = 5

/**
 * Opens a store in PostgreSQL: connections that write, and such that only read, each made when it is needed
 * and made again after the server went away. Throws one line for the operator when it cannot be opened.
 */
export async function openPostgres(url: string, now: () => number): Promise<Store> {
  const fault = urlFault(url)
  if (fault !== null) throw new Error(fault)
  try {
    await prepareDatabase(url, now)
  } catch (error) {
    const line = explainPostgresFault(error, url)
    throw line === null ? error : new Error(line, { cause: error })
  }
  const writePool = createPostgresPool({
    url,
    connectionsMax,
    statementMaxMs: writeMaxMs,
    settings: [
      // What is acknowledged is on the server's disk, whatever its own default is.
      'synchronous_commit=on',
      // Planning for the values at hand was 0.35 ms of a look-up in a partitioned table, finding the row 0.08;
      // left to choose, the server plans those anew each time. `query-plans-postgres.test.ts` reads these plans.
      'plan_cache_mode=force_generic_plan',
    ],
  })
  // As with SQLite's read-only connection: a write outside a transaction fails, instead of passing unlocked.
  const readPool = createPostgresPool({
    url,
    connectionsMax,
    statementMaxMs: readMaxMs,
    settings: ['default_transaction_read_only=on'],
  })
  const write = kyselyOf<StoreSchema>(writePool)
  const read = kyselyOf<StoreSchema>(readPool)
  const columnTypes = await loadColumnTypes(read)
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
    partitions: createPartitionKeeper((work) => withMaintenance(url, work)),
    async transaction(work, { durable = 'now' } = {}) {
      transactions.assertOutside()
      return againAfterLostRaces(() =>
        write
          .transaction()
          .setIsolationLevel('read committed')
          .execute(async (tx) => {
            if (durable === 'later') await sql`set local synchronous_commit = off`.execute(tx)
            return transactions.run(({ assertOpen }) =>
              withoutTurns(tx, assertOpen, (own) =>
                work(createTransactionScope(partsOf(own, assertOpen), writePool.isBusy)),
              ),
            )
          }),
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
    async close() {
      await Promise.all([writePool.end(), readPool.end()])
    },
  }
}

/**
 * The transaction's statements as they are given, where Kysely would send each when the one before is answered.
 * What comes after the end is refused here, just before it would be sent.
 */
function withoutTurns<T>(
  tx: Transaction<StoreSchema>,
  assertOpen: () => void,
  work: (db: Kysely<StoreSchema>) => Promise<T>,
): Promise<T> {
  const executor = tx.getExecutor()
  return executor.provideConnection((connection) => {
    const provider: ConnectionProvider = {
      async provideConnection(consume) {
        assertOpen()
        return consume(connection)
      },
    }
    return work(
      new Kysely<StoreSchema>({
        config: { dialect: unused },
        dialect: unused,
        driver: unused.createDriver(),
        executor: executor.withConnectionProvider(provider),
      }),
    )
  })
}

/** A Kysely made of an executor asks for these and does not use them. */
const unused = new PostgresDialect({ pool: async () => Promise.reject(new Error('this has no pool')) })

async function againAfterLostRaces<T>(run: () => Promise<T>): Promise<T> {
  for (let runs = 1; ; runs++) {
    try {
      return await run()
    } catch (error) {
      if (runs === runsMax || !isLostRace(error)) throw error
      await wait(runs * pauseMs)
    }
  }
}

/** Checks the server and brings the database to this version. */
async function prepareDatabase(url: string, now: () => number): Promise<void> {
  const name = `The database ${decodeURIComponent(new URL(url).pathname.slice(1))}`
  const pool = createPostgresPool({ url, connectionsMax: 1, statementMaxMs: 0 })
  try {
    const kysely = kyselyOf<unknown>(pool)
    const { rows } = await sql<{ version: string }>`
      select current_setting('server_version_num') as version`.execute(kysely)
    const fault = versionFault(Number(rows[0]?.version), url)
    if (fault !== null) throw new Error(fault)
    await migratePostgres(kysely, name, now)
  } finally {
    await pool.end()
  }
}

/** While one waits for a whole table, everybody behind waits as well. */
const tableLockMaxMs = 500

/** A transaction that may take long over its own work, on a connection of its own. */
async function withMaintenance<T>(url: string, work: (db: Kysely<unknown>) => Promise<T>): Promise<T> {
  const pool = createPostgresPool({
    url,
    connectionsMax: 1,
    statementMaxMs: 0,
    settings: [`lock_timeout=${tableLockMaxMs}`],
  })
  try {
    return await kyselyOf<unknown>(pool).transaction().execute(work)
  } finally {
    await pool.end()
  }
}

function kyselyOf<T>(pool: OwnPool): Kysely<T> {
  return new Kysely<T>({ dialect: new PostgresDialect({ pool: pool.kyselyPool }) })
}
