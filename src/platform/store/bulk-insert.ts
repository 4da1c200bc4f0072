/**
 * Inserts rows of one table, all or none, and resolves to the number of rows written. `workspace` is
 * filled into the column of that name; system tables have none. All rows carry the columns of the first.
 */
export type BulkInsert = (
  table: string,
  rows: readonly Record<string, unknown>[],
  onConflict: ConflictRule,
  workspace: string | undefined,
) => Promise<number>

/** `OnConflict` of any table. */
export type ConflictRule = 'fail' | 'ignore' | { key: string[]; update: string[] }

/** Column names of the rows, the workspace first. */
export function columnsOf(row: Record<string, unknown>, workspace: string | undefined): string[] {
  const columns = Object.keys(row)
  return workspace === undefined ? columns : ['workspace', ...columns.filter((name) => name !== 'workspace')]
}

/** One text per table, columns and conflict rule: what a cache of statements is keyed by. */
export function shapeOf(table: string, columns: string[], onConflict: ConflictRule): string {
  const rule =
    typeof onConflict === 'string' ? onConflict : `${onConflict.key.join()}:${onConflict.update.join()}`
  return `${table}(${columns.join()})${rule}`
}

/** The end of the statement; the same words in both dialects. */
export function conflictClause(onConflict: ConflictRule): string {
  if (onConflict === 'fail') return ''
  if (onConflict === 'ignore') return ' on conflict do nothing'
  const key = onConflict.key.map(quote).join(', ')
  const updates = onConflict.update.map((name) => `${quote(name)} = excluded.${quote(name)}`)
  return updates.length === 0
    ? ` on conflict (${key}) do nothing`
    : ` on conflict (${key}) do update set ${updates.join(', ')}`
}

export function quote(name: string): string {
  if (!/^[a-z_0-9]+$/.test(name)) throw new Error(`not a name of a table or column: ${name}`)
  return `"${name}"`
}
