import type { CompiledQuery, Kysely } from 'kysely'
import type { StoreSchema } from './schema.ts'
import type { StoreScope, WorkspaceDb } from './store.ts'

export type QueryValues = Record<string, number | string | readonly string[]>

/**
 * A query whose text never changes: it is built and compiled once for each dialect, and from then on only its
 * values are put in. Seven such look-ups of a decision took 250 µs to build each time, as long as to run.
 */
export interface RecurringQuery<V extends QueryValues, R, Db = WorkspaceDb> {
  /** May use a value as it is or as the keys of `selectByKeys`, and look at none. */
  build(db: Db, values: V): { compile(): CompiledQuery<R> }
  /** Names of the values and what they are like. */
  like: { [K in keyof V]: V[K] extends number ? 'number' : V[K] extends string ? 'text' : 'keys' }
}

/** The same over the tables that belong to no tenant. */
export type SystemQuery<V extends QueryValues, R> = RecurringQuery<V, R, StoreScope['system']>

type Dialect = WorkspaceDb['dialect']
interface Prepared {
  compiled: CompiledQuery<unknown>
  /** For each parameter, how it is made of the values. */
  parameters: ((values: QueryValues, workspace: string) => unknown)[]
}

const prepared: Record<Dialect, WeakMap<object, Prepared>> = {
  sqlite: new WeakMap(),
  postgres: new WeakMap(),
}
/**
 * SQLite's, for lists of one key each: a key by itself is found in 9.6 µs, by a list of one in 12. PostgreSQL
 * has its plans for lists.
 */
const preparedForOne = new WeakMap<object, Prepared>()

/**
 * Where `rowsOf` is there the query is run before this returns: see `StoreScope.atOnce`.
 *
 * @param dbOf where the query is built, for a workspace of that name, only to be compiled
 */
export async function runRecurring<V extends QueryValues, R, Db>(
  query: RecurringQuery<V, R, Db>,
  values: V,
  parts: {
    dialect: Dialect
    kysely: Kysely<StoreSchema>
    rowsOf?: RowsOf
    workspace: string
    dbOf(name: string, oneKeyEach: boolean): Db
  },
): Promise<R[]> {
  const { dialect, kysely, rowsOf, workspace } = parts
  const oneKeyEach = dialect === 'sqlite' && hasOneKeyEach(values)
  const known = oneKeyEach ? preparedForOne : prepared[dialect]
  let own = known.get(query)
  if (own === undefined) {
    const anyQuery = query as unknown as RecurringQuery<QueryValues, unknown, Db>
    own = prepare(anyQuery, parts.dbOf(workspaceMark, oneKeyEach))
    known.set(query, own)
  }
  const { compiled } = own
  const parameters = own.parameters.map((make) => make(values, workspace))
  if (rowsOf !== undefined) return rowsOf(compiled.sql, parameters) as R[]
  const result = await kysely.executeQuery<R>({ ...(compiled as CompiledQuery<R>), parameters })
  return result.rows
}

/** Runs a compiled query at once. Kysely's own way to it, locks and all, took longer than SQLite. */
export type RowsOf = (sql: string, parameters: unknown[]) => unknown[]

function hasOneKeyEach(values: QueryValues): boolean {
  for (const name in values) {
    const value = values[name]
    if (typeof value === 'object' && value.length !== 1) return false
  }
  return true
}

const workspaceMark = '\u0001workspace'

function prepare<Db>(query: RecurringQuery<QueryValues, unknown, Db>, db: Db): Prepared {
  const marks: QueryValues = {}
  for (const [i, [name, like]] of Object.entries<'number' | 'text' | 'keys'>(query.like).entries()) {
    const text = `\u0001value ${i}`
    // Numbers that no query has of its own.
    marks[name] = like === 'number' ? Number.MAX_SAFE_INTEGER - 7 - i : like === 'text' ? text : [text]
  }
  const compiled = query.build(db, marks).compile()
  return { compiled, parameters: compiled.parameters.map((parameter) => makerOf(parameter, marks)) }
}

function makerOf(parameter: unknown, marks: QueryValues): Prepared['parameters'][number] {
  if (parameter === workspaceMark) return (_values, workspace) => workspace
  for (const [name, mark] of Object.entries(marks)) {
    if (parameter === mark) return (values) => values[name]
    if (typeof mark === 'object' && parameter === mark[0])
      return (values) => (values[name] as readonly string[])[0]
    // SQLite's list of keys is one JSON text.
    if (typeof mark === 'object' && parameter === JSON.stringify(mark))
      return (values) => JSON.stringify(values[name])
  }
  return () => parameter
}
