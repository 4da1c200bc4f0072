import { DatabaseSync } from 'node:sqlite'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { createPostgresBulkInsert, loadColumnTypes } from './bulk-insert-postgres.ts'
import { type CopiedTable, compareTotals, postgresTotals, sqliteTotals } from './copy-totals.ts'
import { explainPostgresFault } from './explain-postgres-fault.ts'
import { openPostgres } from './open-postgres.ts'
import { openSqlite } from './open-sqlite.ts'
import { partitionedTables } from './partitions.ts'
import { createPostgresPool } from './postgres-pool.ts'
import { createRowDigest } from './row-digest.ts'
import type { StoreSchema } from './schema.ts'
import { codeOf } from './store-faults.ts'
import { type CopyTable, readTables } from './table-list.ts'
import { createWriterTicket } from './writer-ticket.ts'

export interface CopyStoreOptions {
  /** The embedded store's file; nobody else has it open. */
  file: string
  /** An empty PostgreSQL database. */
  url: string
  /** Dates the migrations, in milliseconds. */
  now: () => number
  /** Rows are counted twice: as they are copied, and as they are read back. */
  onProgress?: (progress: { doneRows: number; totalRows: number }) => void
}

export type CopyResult =
  | { kind: 'copied'; tables: CopiedTable[] }
  /** What was read back is not what was written: nothing was kept. */
  | { kind: 'differs'; tables: CopiedTable[] }
  | { kind: 'refused'; reason: string }

/**
 * Copies every row of every table of an embedded store into an empty PostgreSQL, in one transaction: until it
 * has read everything back and found it equal nothing is visible, and a copy that ends early leaves nothing
 * to clean up. Both sides are brought to this version first. Memory stays bounded by a page of rows.
 */
export async function copyStore({ file, url, now, onProgress }: CopyStoreOptions): Promise<CopyResult> {
  await (await openSqlite(file, createWriterTicket(), now)).close()
  const source = new DatabaseSync(file, { readOnly: true, timeout: 5000 })
  source.exec('begin')
  try {
    const tables = readTables(source)
    await makeMonths(source, url, now)
    const totals = tables.map((table) => sqliteTotals(source, table))
    const totalRows = totals.reduce((sum, { rows }) => sum + rows, 0) * 2
    let doneRows = 0
    const tell = (rows: number): void => {
      doneRows += rows
      onProgress?.({ doneRows, totalRows })
    }
    return await inTransaction(url, async (db) => {
      const occupied = await tableWithRows(db, tables)
      if (occupied !== null) return refusal(url, occupied)
      const bulkInsert = createPostgresBulkInsert(db, await loadColumnTypes(db))
      const copied: CopiedTable[] = []
      for (const [i, table] of tables.entries()) {
        const written = createRowDigest(table)
        for (const page of pagesOf(source, table)) {
          for (const row of page) written.add(row)
          await bulkInsert(table.name, page, 'fail', undefined).catch((error) => {
            throw new Error(`a row of ${table.name} was refused: ${messageOf(error)}`, { cause: error })
          })
          tell(page.length)
        }
        await goOnCounting(db, source, table)
        const kept = createRowDigest(table)
        for await (const page of rowsBack(db, table)) {
          for (const row of page) kept.add(row)
          tell(page.length)
        }
        copied.push(
          compareTotals(
            table,
            { ...totals[i]!, digest: written.value() },
            { ...(await postgresTotals(db, table)), digest: kept.value() },
          ),
        )
      }
      return { kind: copied.every((one) => one.isEqual) ? 'copied' : 'differs', tables: copied }
    })
  } finally {
    source.close()
  }
}

/** A page of rows goes to the server in one statement, and is in memory some three times. */
const pageRowsMax = 2000
const pageBytesMax = 4 * 1024 ** 2
/** Rows read back at once. */
const fetchRows = 500
const lockMaxMs = 10_000

type Db = Kysely<StoreSchema>
type Row = Record<string, unknown>

function refusal(url: string, table: string): CopyResult {
  const database = decodeURIComponent(new URL(url).pathname.slice(1))
  return {
    kind: 'refused',
    reason: `the database ${database} holds rows already (in ${table}): name an empty one`,
  }
}

/** Runs `work` in one transaction, which is kept only when everything was copied. */
async function inTransaction(url: string, work: (db: Db) => Promise<CopyResult>): Promise<CopyResult> {
  const pool = createPostgresPool({
    url,
    connectionsMax: 1,
    statementMaxMs: 0,
    settings: [`lock_timeout=${lockMaxMs}`, 'synchronous_commit=on'],
  })
  const kysely = new Kysely<StoreSchema>({ dialect: new PostgresDialect({ pool: pool.kyselyPool }) })
  const transaction = await kysely.startTransaction().execute()
  let isOpen = true
  try {
    const result = await work(transaction as unknown as Db)
    isOpen = false
    if (result.kind !== 'copied') await transaction.rollback().execute()
    else {
      await transaction.commit().execute()
      // The planner knows nothing of tables that were filled just now.
      await sql`analyze`.execute(kysely)
    }
    return result
  } catch (error) {
    if (isOpen)
      await transaction
        .rollback()
        .execute()
        .catch(() => {})
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
    const line = explainPostgresFault(cause, url)
    throw line === null ? error : new Error(line, { cause: error })
  } finally {
    await pool.end()
  }
}

/** Whoever else copies or starts a server here waits, and meets the rows of this one. */
async function tableWithRows(db: Db, tables: CopyTable[]): Promise<string | null> {
  await sql`lock table workspaces in exclusive mode`.execute(db)
  for (const { name } of tables) {
    const { rows } = await sql`select 1 from ${sql.table(name)} limit 1`.execute(db)
    if (rows.length > 0) return name
  }
  return null
}

/** Rows of past months find their partitions ready: what lands in a default partition stays there if it is much. */
async function makeMonths(source: DatabaseSync, url: string, now: () => number): Promise<void> {
  const days = partitionedTables.flatMap((table) =>
    source
      .prepare(`select distinct ${table}.day_utc as day from ${table}`)
      .all()
      .map((row) => Number(row.day)),
  )
  const target = await openPostgres(url, now)
  try {
    let readyUntil = Number.NEGATIVE_INFINITY
    for (const day of [...new Set(days)].toSorted((a, b) => a - b)) {
      if (day <= readyUntil) continue
      await target.partitions?.keep({ now: day * dayMs, eventsFromDay: Number.MIN_SAFE_INTEGER })
      // Its month and the next two: the shortest two are those after January.
      readyUntil = day + 59
    }
  } finally {
    await target.close()
  }
}

const dayMs = 86_400_000

function* pagesOf(source: DatabaseSync, table: CopyTable): Generator<Row[]> {
  let page: Row[] = []
  let bytes = 0
  for (const row of source.prepare(selectText(table)).iterate() as Iterable<Row>) {
    page.push(row)
    for (const { name } of table.columns) bytes += sizeOf(row[name])
    if (page.length < pageRowsMax && bytes < pageBytesMax) continue
    yield page
    page = []
    bytes = 0
  }
  if (page.length > 0) yield page
}

async function* rowsBack(db: Db, table: CopyTable): AsyncGenerator<Row[]> {
  await sql`declare copied no scroll cursor for ${sql.raw(selectText(table))}`.execute(db)
  for (;;) {
    const { rows } = await sql<Row>`fetch forward ${sql.lit(fetchRows)} from copied`.execute(db)
    if (rows.length > 0) yield rows
    if (rows.length < fetchRows) break
  }
  await sql`close copied`.execute(db)
}

function selectText({ name, columns }: CopyTable): string {
  return `select ${columns.map((column) => `"${column.name}"`).join(', ')} from "${name}"`
}

/** New rows of a table that numbers its rows itself go on after the copied ones, also where the last are gone. */
async function goOnCounting(db: Db, source: DatabaseSync, { name }: CopyTable): Promise<void> {
  const { rows } = await sql<{ column: string }>`
    select columns.column_name as column from information_schema.columns
    where columns.table_schema = current_schema() and columns.table_name = ${name}
      and columns.is_identity = 'YES'`.execute(db)
  for (const { column } of rows) {
    const last = source
      .prepare('select sqlite_sequence.seq from sqlite_sequence where sqlite_sequence.name = ?')
      .get(name)
    if (last === undefined) continue
    await sql`select setval(pg_get_serial_sequence(${name}, ${column}), ${Number(last.seq)}::bigint)`.execute(
      db,
    )
  }
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length
  return value instanceof Uint8Array ? 2 * value.byteLength : 8
}

function messageOf(error: unknown): string {
  const detail = codeOf(error) === undefined ? '' : ` (${codeOf(error)})`
  return `${error instanceof Error ? error.message : String(error)}${detail}`
}
