import { CompiledQuery, type Kysely, sql } from 'kysely'
import {
  type BulkInsert,
  type ConflictRule,
  columnsOf,
  conflictClause,
  quote,
  shapeOf,
} from './bulk-insert.ts'
import type { StoreSchema } from './schema.ts'

/** `table.column` -> its PostgreSQL type. */
export type ColumnTypeNames = ReadonlyMap<string, string>

/** The types as the migrations made them, read once when the store opens. */
export async function loadColumnTypes(db: Kysely<StoreSchema>): Promise<ColumnTypeNames> {
  const { rows } = await sql<{ name: string; type: string }>`
    select columns.table_name || '.' || columns.column_name as name, columns.udt_name as type
    from information_schema.columns where columns.table_schema = current_schema()`.execute(db)
  return new Map(rows.map(({ name, type }) => [name, type]))
}

/** All rows in one statement: an array for each column, put together by `unnest`. */
export function createPostgresBulkInsert(
  kysely: Kysely<StoreSchema>,
  columnTypes: ColumnTypeNames,
): BulkInsert {
  return async (table, rows, onConflict, workspace) => {
    const first = rows[0]
    if (first === undefined) return 0
    const columns = columnsOf(first, workspace)
    const text = insertText(table, columns, onConflict, columnTypes)
    const unique = withoutRepeats(rows, onConflict)
    const values = columns.map((name) =>
      name === 'workspace' && workspace !== undefined
        ? unique.map(() => workspace)
        : unique.map((row) => row[name]),
    )
    const { numAffectedRows } = await kysely.executeQuery(CompiledQuery.raw(text, values))
    return Number(numAffectedRows ?? 0)
  }
}

const texts = new WeakMap<ColumnTypeNames, Map<string, string>>()

function insertText(
  table: string,
  columns: string[],
  onConflict: ConflictRule,
  columnTypes: ColumnTypeNames,
): string {
  const known = texts.get(columnTypes) ?? new Map<string, string>()
  texts.set(columnTypes, known)
  const shape = shapeOf(table, columns, onConflict)
  let text = known.get(shape)
  if (text === undefined) {
    const names = columns.map(quote).join(', ')
    const arrays = columns.map((name, i) => `$${i + 1}::${typeOf(columnTypes, table, name)}[]`).join(', ')
    text = `insert into ${quote(table)} (${names}) select * from unnest(${arrays})${conflictClause(onConflict)}`
    known.set(shape, text)
  }
  return text
}

function typeOf(columnTypes: ColumnTypeNames, table: string, column: string): string {
  const type = columnTypes.get(`${table}.${column}`)
  if (type === undefined) throw new Error(`there is no column ${table}.${column}`)
  return type
}

/** SQLite writes row by row, so the last of a key wins; one statement of PostgreSQL refuses to write a row twice. */
function withoutRepeats(
  rows: readonly Record<string, unknown>[],
  onConflict: ConflictRule,
): readonly Record<string, unknown>[] {
  if (typeof onConflict === 'string') return rows
  const last = new Map(rows.map((row) => [JSON.stringify(onConflict.key.map((name) => row[name])), row]))
  return last.size === rows.length ? rows : [...last.values()]
}
