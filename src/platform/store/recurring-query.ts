import type { CompiledQuery, Kysely } from 'kysely'
import type { StoreSchema } from './schema.ts'
import type { WorkspaceDb } from './store.ts'

export type QueryValues = Record<string, number | string | readonly string[]>

/**
 * A query whose text never changes: it is built and compiled once for each dialect, and from then on only its
 * values are put in. Seven such look-ups of a decision took 250 µs to build each time, as long as to run.
 */
export interface RecurringQuery<V extends QueryValues, R> {
  /** May use a value as it is or as the keys of `selectByKeys`, and look at none. */
  build(db: WorkspaceDb, values: V): { compile(): CompiledQuery<R> }
  /** Names of the values and what they are like. */
  like: { [K in keyof V]: V[K] extends number ? 'number' : V[K] extends string ? 'text' : 'keys' }
}

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

/** @param dbOf the queries of a workspace of that name, only to be compiled */
export async function runRecurring<V extends QueryValues, R>(
  query: RecurringQuery<V, R>,
  values: V,
  parts: {
    dialect: Dialect
    kysely: Kysely<StoreSchema>
    workspace: string
    dbOf(name: string): WorkspaceDb
  },
): Promise<R[]> {
  const { dialect, kysely, workspace } = parts
  let own = prepared[dialect].get(query)
  if (own === undefined) {
    own = prepare(query as unknown as RecurringQuery<QueryValues, unknown>, parts.dbOf(workspaceMark))
    prepared[dialect].set(query, own)
  }
  const { compiled } = own
  const parameters = own.parameters.map((make) => make(values, workspace))
  const result = await kysely.executeQuery<R>({ ...(compiled as CompiledQuery<R>), parameters })
  return result.rows
}

const workspaceMark = '\u0001workspace'

function prepare(query: RecurringQuery<QueryValues, unknown>, db: WorkspaceDb): Prepared {
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
    // SQLite's list of keys is one JSON text.
    if (typeof mark === 'object' && parameter === JSON.stringify(mark))
      return (values) => JSON.stringify(values[name])
  }
  return () => parameter
}
