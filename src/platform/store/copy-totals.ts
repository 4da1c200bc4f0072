import type { DatabaseSync } from 'node:sqlite'
import { type Kysely, sql } from 'kysely'
import type { StoreSchema } from './schema.ts'
import type { CopyTable } from './table-list.ts'

/** What is compared of a table. */
export interface TableTotals {
  rows: number
  /** The exact sum of each integer column, as each side's SQL adds it up. */
  sums: Record<string, string>
  /** See `createRowDigest`. */
  digest: string
}

export interface CopiedTable {
  table: string
  source: TableTotals
  target: TableTotals
  isEqual: boolean
}

type Counted = Pick<TableTotals, 'rows' | 'sums'>

/** SQLite's sum overflows at 2^63: 5 million instants. So quotients and remainders are added up apart. */
export function sqliteTotals(database: DatabaseSync, table: CopyTable): Counted {
  const columns = integersOf(table)
  const parts = columns.flatMap((name, i) => [
    `sum("${name}" / ${PART}) as high${i}`,
    `sum("${name}" % ${PART}) as low${i}`,
  ])
  const statement = database.prepare(
    `select ${['count(*) as rows', ...parts].join(', ')} from "${table.name}"`,
  )
  statement.setReadBigInts(true)
  const row = statement.get() as Record<string, bigint | null>
  return {
    rows: Number(row.rows),
    sums: Object.fromEntries(
      columns.map((name, i) => [
        name,
        String((row[`high${i}`] ?? 0n) * BigInt(PART) + (row[`low${i}`] ?? 0n)),
      ]),
    ),
  }
}

/** PostgreSQL's sum of int8 is numeric, which is exact. */
export async function postgresTotals(db: Kysely<StoreSchema>, table: CopyTable): Promise<Counted> {
  const columns = integersOf(table)
  const parts = columns.map((name, i) => `coalesce(sum("${name}"), 0)::text as sum${i}`)
  const { rows } = await sql
    .raw<Record<string, string>>(`select ${['count(*) as rows', ...parts].join(', ')} from "${table.name}"`)
    .execute(db)
  const row = rows[0]!
  return {
    rows: Number(row.rows),
    sums: Object.fromEntries(columns.map((name, i) => [name, row[`sum${i}`]!])),
  }
}

export function compareTotals({ name }: CopyTable, source: TableTotals, target: TableTotals): CopiedTable {
  const isEqual =
    source.rows === target.rows &&
    source.digest === target.digest &&
    Object.entries(source.sums).every(([column, sum]) => target.sums[column] === sum)
  return { table: name, source, target, isEqual }
}

const PART = 1_000_000_000

function integersOf({ columns }: CopyTable): string[] {
  return columns.filter((column) => column.type === 'integer').map((column) => column.name)
}
