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
export type ConflictRule =
  | 'fail'
  | 'ignore'
  | {
      key: string[]
      update: string[]
      add?: string[]
      lowest?: string[]
      highest?: string[]
      onlyIf?: 'version-before' | { column: string; is: string }
    }

/** Column names of the rows, the workspace first. */
export function columnsOf(row: Record<string, unknown>, workspace: string | undefined): string[] {
  const columns = Object.keys(row)
  return workspace === undefined ? columns : ['workspace', ...columns.filter((name) => name !== 'workspace')]
}

/** One text per table, columns and conflict rule: what a cache of statements is keyed by. */
export function shapeOf(table: string, columns: string[], onConflict: ConflictRule): string {
  const rule = typeof onConflict === 'string' ? onConflict : JSON.stringify(onConflict)
  return `${table}(${columns.join()})${rule}`
}

/** The end of the statement; the same words in both dialects. */
export function conflictClause(table: string, onConflict: ConflictRule): string {
  if (onConflict === 'fail') return ''
  if (onConflict === 'ignore') return ' on conflict do nothing'
  const { key, update, add = [], lowest = [], highest = [], onlyIf } = onConflict
  const target = ` on conflict (${key.map(quote).join(', ')}) do`
  const changes = [
    ...update.map((name) => `${quote(name)} = excluded.${quote(name)}`),
    ...add.map((name) => `${quote(name)} = ${quote(table)}.${quote(name)} + excluded.${quote(name)}`),
    ...lowest.map((name) => extreme(table, name, '<')),
    ...highest.map((name) => extreme(table, name, '>')),
  ]
  if (changes.length === 0) return `${target} nothing`
  return `${target} update set ${changes.join(', ')}${condition(table, onlyIf)}`
}

/** `least` and `greatest` have other names in SQLite. */
function extreme(table: string, column: string, sign: '<' | '>'): string {
  const name = quote(column)
  const stored = `${quote(table)}.${name}`
  return `${name} = case when excluded.${name} ${sign} ${stored} then excluded.${name} else ${stored} end`
}

function condition(table: string, onlyIf: Exclude<ConflictRule, string>['onlyIf']): string {
  if (onlyIf === undefined) return ''
  if (onlyIf === 'version-before') return ` where ${quote(table)}."version" = excluded."version" - 1`
  // A value of the program's own, such as a state: part of the text, so that one statement serves it.
  if (!/^[a-z-]+$/.test(onlyIf.is)) throw new Error(`not a word: ${onlyIf.is}`)
  return ` where ${quote(table)}.${quote(onlyIf.column)} = '${onlyIf.is}'`
}

export function quote(name: string): string {
  if (!/^[a-z_0-9]+$/.test(name)) throw new Error(`not a name of a table or column: ${name}`)
  return `"${name}"`
}
