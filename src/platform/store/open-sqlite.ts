import { DatabaseSync } from 'node:sqlite'
import { createSqliteBulkInsert } from './bulk-insert-sqlite.ts'
import { migrateSqlite } from './migrate.ts'
import { createTransactionRunner } from './open-transaction.ts'
import { createSqliteConnection, type SqliteConnection } from './sqlite-connection.ts'
import type { Store } from './store.ts'
import { createScope, createTransactionScope } from './store-scope.ts'
import type { WorkspaceDbParts } from './workspace-db.ts'
import type { WriterTicket } from './writer-ticket.ts'

/**
 * Opens the store's file: one connection that writes, one that reads, and one for each snapshot under way.
 * They are apart, so that a reader in the same thread never sees what a transaction has not committed.
 */
export async function openSqlite(file: string, ticket: WriterTicket, now: () => number): Promise<Store> {
  const writer = createWriter(file)
  try {
    await migrateSqlite(writer.connection, file, now)
  } catch (error) {
    writer.connection.close()
    throw error
  }
  writer.requireTransaction()
  const reader = createReader(file)
  const snapshots = createSnapshotPool(file)
  const transactions = createTransactionRunner()
  const writerParts = partsOf(writer.connection)
  return {
    dialect: 'sqlite',
    read: createScope(partsOf(reader)),
    partitions: null,
    async transaction(work, { durable = 'now' } = {}) {
      transactions.assertOutside()
      await ticket.acquire()
      try {
        if (durable === 'later') writer.syncCommits(false)
        return await writer.inTransaction(() =>
          transactions.run(({ assertOpen }) =>
            work(createTransactionScope({ ...writerParts, assertOpen }, () => ticket.waiting() > 0)),
          ),
        )
      } finally {
        if (durable === 'later') writer.syncCommits(true)
        ticket.release()
      }
    },
    async snapshot(work) {
      const connection = snapshots.take()
      let open = true
      const assertOpen = () => {
        if (!open) throw new Error('this snapshot has ended: its handle is of no use any more')
      }
      try {
        connection.database.exec('begin')
        return await work(createScope({ ...partsOf(connection), assertOpen }))
      } finally {
        open = false
        snapshots.giveBack(connection)
      }
    },
    async close() {
      snapshots.close()
      reader.close()
      writer.connection.close()
    },
  }
}

function partsOf(connection: SqliteConnection): WorkspaceDbParts {
  return {
    dialect: 'sqlite',
    kysely: connection.kysely,
    bulkInsert: createSqliteBulkInsert(connection),
    rowsOf: (sql, parameters) => connection.prepare(sql).all(parameters),
    atOnce: connection.atOnce,
    assertOpen: () => {},
  }
}

function createWriter(file: string) {
  const database = new DatabaseSync(file, { timeout: 5000 })
  // Measured against 4096: decisions with records of 1.5 kB 38k/s to 30k/s and 6.5 MB written per 1000 to
  // 7.7; profiles of 0.4 kB changed at random 34k/s to 44k/s and 11 MB to 5.5. Only a new file takes it.
  database.exec('pragma page_size = 8192')
  database.exec('pragma journal_mode = wal')
  // An fsync before each commit returns: what is acknowledged survives a power cut.
  database.exec('pragma synchronous = full')
  database.exec('pragma foreign_keys = on')
  database.exec('pragma cache_size = -65536')
  // The most that SQLite maps: a million customers with their history are some 2 GB, read without system calls.
  database.exec('pragma mmap_size = 2147418112')
  // 64 MB of log between checkpoints, each of which copies every page once, syncs twice and holds up writers
  // meanwhile. Decisions for a million customers drawn at random, mean and longest of 200: with 4096 pages
  // 685 and 1,060 µs each, with 8192 630 and 1,190, with 16384 595 and 1,600. A burst's larger file shrinks again.
  database.exec('pragma wal_autocheckpoint = 8192')
  database.exec('pragma journal_size_limit = 134217728')
  let restricted = false
  let failure: { cause: unknown } | undefined
  const connection = createSqliteConnection(database, {
    before() {
      if (!restricted) return
      if (!database.isTransaction)
        throw new Error('this transaction has ended: its handle is of no use any more')
      if (failure !== undefined) throw new Error(STATEMENT_FAILED, failure)
    },
    failed(cause) {
      failure ??= { cause }
    },
  })
  return {
    connection,
    /** From now on the connection works inside `inTransaction` only. */
    requireTransaction: () => {
      restricted = true
    },
    /** Without: the next commit that syncs, of any connection, syncs the whole write-ahead log. */
    syncCommits: (on: boolean) => database.exec(`pragma synchronous = ${on ? 'full' : 'normal'}`),
    async inTransaction<T>(work: () => Promise<T>): Promise<T> {
      // `immediate`: a deferred transaction that reads and then writes fails with SQLITE_BUSY_SNAPSHOT at once.
      database.exec('begin immediate')
      failure = undefined
      try {
        const result = await work()
        // SQLite would go on after a failed statement; PostgreSQL does not, and the rooms see one behaviour.
        if (failure !== undefined) throw new Error(STATEMENT_FAILED, failure)
        database.exec('commit')
        return result
      } catch (error) {
        // SQLite itself rolls back on some errors (disk full, I/O).
        if (database.isTransaction) database.exec('rollback')
        throw error
      }
    },
  }
}

const STATEMENT_FAILED = 'a statement of this transaction failed: nothing of it is kept'

function createReader(file: string): SqliteConnection {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5000 })
  database.exec('pragma cache_size = -16384')
  database.exec('pragma mmap_size = 2147418112')
  return createSqliteConnection(database)
}

/** Connections for `snapshot`: a new one only when more run at once than ever before. */
function createSnapshotPool(file: string) {
  const idle: SqliteConnection[] = []
  let closed = false
  return {
    take: () => idle.pop() ?? createReader(file),
    giveBack(connection: SqliteConnection) {
      if (connection.database.isTransaction) connection.database.exec('rollback')
      if (closed) connection.close()
      else idle.push(connection)
    },
    close() {
      closed = true
      for (const connection of idle.splice(0)) connection.close()
    },
  }
}
