import { type Kysely, sql } from 'kysely'
import { dayUtcOf } from '#platform/ids/ids.ts'
import { lockSchema } from './locks.ts'
import { codeOf } from './store-faults.ts'

/**
 * The tables that grow without end lie in one partition per calendar month (UTC) of `day_utc` in PostgreSQL,
 * so that a month is dropped at once instead of deleted row by row. A day whose month has no partition yet
 * goes to `<table>_default`, so that no row is ever refused.
 */
export const partitionedTables = ['events', 'decisions', 'outcomes'] as const
export type PartitionedTable = (typeof partitionedTables)[number]

export interface PartitionKeeper {
  /**
   * Makes the months to come, moves rows that lie in a default partition to their month, and drops what is
   * older than `eventsFromDay` of the events. A month goes when all of it is older. What finds a table busy
   * is left to the next call.
   */
  keep(at: { now: number; eventsFromDay: number }): Promise<KeptPartitions>
}

export interface KeptPartitions {
  made: string[]
  dropped: string[]
  /** Months that could not be made or dropped now, with the reason. */
  left: string[]
  rowsDeleted: number
}

/** The present month and those after it that stand ready. */
const monthsReady = 3
/** Moving rows shuts others out of the default partition: about a second for that many, more stay there. */
const rowsMovedMax = 100_000
const rowsDeletedPerStep = 5000

interface Month {
  name: string
  fromDay: number
  /** Not of the month any more. */
  toDay: number
}

/** What a migration does after it made the table with `partition by range (day_utc)`. */
export async function createDefaultPartition(db: Kysely<unknown>, table: PartitionedTable): Promise<void> {
  await sql`create table ${sql.table(`${table}_default`)} partition of ${sql.table(table)} default`.execute(
    db,
  )
}

/** Makes the present month and the next two where they are missing. */
export async function makeMonthsReady(db: Kysely<unknown>, now: number): Promise<string[]> {
  const made: string[] = []
  for (const table of partitionedTables) {
    const existing = new Set(await partitionsOf(db, table))
    for (const month of monthsFrom(dayUtcOf(now), monthsReady)) {
      const name = `${table}_${month.name}`
      if (existing.has(name) || (await hasRows(db, `${table}_default`, month))) continue
      await sql`create table ${sql.table(name)} partition of ${sql.table(table)}
        for values from (${sql.lit(month.fromDay)}) to (${sql.lit(month.toDay)})`.execute(db)
      made.push(name)
    }
  }
  return made
}

/** Runs one transaction of the tables' owner, which does not wait long for their locks. */
type InTransaction = <T>(work: (db: Kysely<unknown>) => Promise<T>) => Promise<T>

export function createPartitionKeeper(inTransaction: InTransaction): PartitionKeeper {
  return {
    async keep({ now, eventsFromDay }) {
      const result: KeptPartitions = { made: [], dropped: [], left: [], rowsDeleted: 0 }
      /** Null when others had the tables, or were at the same work, for longer than that. */
      const attempt = async <T>(
        what: string,
        work: (db: Kysely<unknown>) => Promise<T>,
      ): Promise<T | null> => {
        try {
          return await inTransaction(async (db) => {
            await lockSchema(db)
            return await work(db)
          })
        } catch (error) {
          if (codeOf(error) !== lockNotAvailable) throw error
          result.left.push(`${what}: in use`)
          return null
        }
      }
      const old = await attempt('old events', (db) => monthsBefore(db, eventsFromDay))
      for (const month of old ?? []) {
        const dropped = await attempt(month, (db) => sql`drop table ${sql.table(month)}`.execute(db))
        if (dropped !== null) result.dropped.push(month)
      }
      result.rowsDeleted = await deleteOldStrays(attempt, eventsFromDay)
      for (const table of partitionedTables) {
        const months = await attempt(`${table}_default`, (db) => strayMonths(db, table))
        for (const month of months ?? []) {
          const name = `${table}_${month.name}`
          const moved = await attempt(name, (db) => moveStrays(db, table, month))
          if (moved === true) result.made.push(name)
          if (moved === false) result.left.push(`${name}: more than ${rowsMovedMax} rows to move`)
        }
      }
      const made = await attempt('the months to come', (db) => makeMonthsReady(db, now))
      result.made.push(...(made ?? []))
      return result
    },
  }
}

const lockNotAvailable = '55P03'

async function partitionsOf(db: Kysely<unknown>, table: PartitionedTable): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select child.relname as name
    from pg_inherits join pg_class as child on child.oid = pg_inherits.inhrelid
    where pg_inherits.inhparent = to_regclass(${table})
    order by child.relname`.execute(db)
  return rows.map((row) => row.name)
}

/** Months of events of which no day is `eventsFromDay` or later. */
async function monthsBefore(db: Kysely<unknown>, eventsFromDay: number): Promise<string[]> {
  return (await partitionsOf(db, 'events')).filter((name) => {
    const [, year, month] = /^events_(\d{4})_(\d{2})$/.exec(name) ?? []
    return year !== undefined && dayUtcOf(Date.UTC(Number(year), Number(month), 1)) <= eventsFromDay
  })
}

async function deleteOldStrays(
  attempt: <T>(what: string, work: (db: Kysely<unknown>) => Promise<T>) => Promise<T | null>,
  eventsFromDay: number,
): Promise<number> {
  let deleted = 0
  for (;;) {
    const step = await attempt('events_default', (db) =>
      sql`delete from events_default where events_default.ctid in (
        select old.ctid from events_default as old
        where old.day_utc < ${eventsFromDay} limit ${rowsDeletedPerStep})`.execute(db),
    )
    const rows = Number(step?.numAffectedRows ?? 0)
    deleted += rows
    if (rows < rowsDeletedPerStep) return deleted
  }
}

/** The months of the rows in the default partition. */
async function strayMonths(db: Kysely<unknown>, table: PartitionedTable): Promise<Month[]> {
  const { rows } = await sql<{ day_utc: number }>`
    select distinct stray.day_utc from ${sql.table(`${table}_default`)} as stray order by stray.day_utc`.execute(
    db,
  )
  const months = rows.map((row) => monthOf(row.day_utc))
  return [...new Map(months.map((month) => [month.name, month])).values()]
}

async function hasRows(db: Kysely<unknown>, table: string, { fromDay, toDay }: Month): Promise<boolean> {
  const { rows } = await sql`
    select 1 from ${sql.table(table)} as stray
    where stray.day_utc >= ${fromDay} and stray.day_utc < ${toDay} limit 1`.execute(db)
  return rows.length > 0
}

/** Makes a month of the rows that the default partition has of it. False, and nothing done, when they are many. */
async function moveStrays(db: Kysely<unknown>, table: PartitionedTable, month: Month): Promise<boolean> {
  const from = sql.table(`${table}_default`)
  const to = sql.table(`${table}_${month.name}`)
  const inMonth = sql`stray.day_utc >= ${month.fromDay} and stray.day_utc < ${month.toDay}`
  await sql`lock table ${from} in access exclusive mode`.execute(db)
  const { rows } = await sql<{ n: number }>`select count(*) as n from (
    select 1 from ${from} as stray where ${inMonth} limit ${rowsMovedMax + 1}) as counted`.execute(db)
  if (rows[0]!.n > rowsMovedMax) return false
  await sql`create table ${to} (like ${sql.table(table)} including all)`.execute(db)
  await sql`with moved as (delete from ${from} as stray where ${inMonth} returning *)
    insert into ${to} select * from moved`.execute(db)
  await sql`alter table ${sql.table(table)} attach partition ${to}
    for values from (${sql.lit(month.fromDay)}) to (${sql.lit(month.toDay)})`.execute(db)
  return true
}

function monthsFrom(dayUtc: number, count: number): Month[] {
  const first = new Date(dayUtc * dayMs)
  return Array.from({ length: count }, (_, i) =>
    monthOf(dayUtcOf(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + i, 1))),
  )
}

function monthOf(dayUtc: number): Month {
  const date = new Date(dayUtc * dayMs)
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
  return {
    name: `${String(year).padStart(4, '0')}_${String(month + 1).padStart(2, '0')}`,
    fromDay: dayUtcOf(Date.UTC(year, month, 1)),
    toDay: dayUtcOf(Date.UTC(year, month + 1, 1)),
  }
}

const dayMs = 86_400_000
