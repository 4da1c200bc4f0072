import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { Kysely, type SqliteDatabase, SqliteDialect, type SqliteStatement } from 'kysely'
import type { StoreSchema } from './schema.ts'

/** One `node:sqlite` connection with its prepared statements and a Kysely over it. */
export interface SqliteConnection {
  readonly database: DatabaseSync
  readonly kysely: Kysely<StoreSchema>
  /** The statement of this text, prepared once. */
  prepare(sql: string): SqliteStatement
  /** Runs `work` inside a read transaction, where there is none yet; it must not wait. */
  atOnce<T>(work: () => T): T
  close(): void
}

export interface ConnectionWatch {
  /** Before each statement; throws when the connection must not be used now. */
  before(): void
  /** A statement failed. */
  failed(error: unknown): void
}

/**
 * Statements kept prepared in each connection. The store's own queries are some hundreds of texts; a
 * list of values (`in (?, ?, …)`) makes new ones without end, so the oldest go.
 */
const STATEMENTS_MAX = 1000

export function createSqliteConnection(
  database: DatabaseSync,
  watch: ConnectionWatch = { before: () => {}, failed: () => {} },
): SqliteConnection {
  const statements = new Map<string, SqliteStatement>()
  const prepare = (sql: string): SqliteStatement => {
    watch.before()
    const known = statements.get(sql)
    if (known !== undefined) return known
    const made = watched(watch, () => portOf(database, database.prepare(sql), sql, watch))
    if (statements.size >= STATEMENTS_MAX) statements.delete(statements.keys().next().value!)
    statements.set(sql, made)
    return made
  }
  const port: SqliteDatabase = { close: () => database.close(), prepare }
  return {
    database,
    kysely: new Kysely<StoreSchema>({ dialect: new SqliteDialect({ database: port }) }),
    prepare,
    atOnce(work) {
      if (database.isTransaction) return work()
      prepare('begin').run([])
      try {
        return work()
      } finally {
        // A fault of the disk may have ended it.
        if (database.isTransaction) prepare('commit').run([])
      }
    },
    close: () => {
      statements.clear()
      database.close()
    },
  }
}

/** What Kysely's dialect, written for better-sqlite3, asks of a statement. */
function portOf(
  database: DatabaseSync,
  statement: StatementSync,
  sql: string,
  watch: ConnectionWatch,
): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => watched(watch, () => statement.all(...(parameters as SQLInputValue[]))),
    run: (parameters) => watched(watch, () => statement.run(...(parameters as SQLInputValue[]))),
    // A statement has one cursor: a stream gets its own, so that the same query beside it does not reset it.
    iterate: (parameters) => database.prepare(sql).iterate(...(parameters as SQLInputValue[])),
  }
}

function watched<T>(watch: ConnectionWatch, work: () => T): T {
  try {
    return work()
  } catch (error) {
    watch.failed(error)
    throw error
  }
}
