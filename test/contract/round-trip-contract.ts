import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StoreSchema } from '#platform/store/schema.ts'
import type {
  OnConflict,
  Store,
  StoreScope,
  StoreTransaction,
  SystemTable,
  WorkspaceTable,
} from '#platform/store/store.ts'
import { type ColumnKind, type TableShape, tableShapes } from './table-shapes.ts'

type Row = Record<string, unknown>

/** Whatever is put in comes out again, of the same type, in every column of every table. */
export function roundTripContract(store: () => Store): void {
  describe.each(Object.keys(tableShapes) as (keyof StoreSchema)[])('%s', (table) => {
    const shape = tableShapes[table] as TableShape
    const others = Object.keys(shape.columns).filter((name) => !shape.key.includes(name))

    it('gives back what was put in, and keeps to its rule on a conflict', async () => {
      const inputs = fc.record({
        rows: rowsOf(shape),
        changed: fc.array(rowOf(shape), { minLength: 8, maxLength: 8 }),
      })
      const check = fc.asyncProperty(inputs, async (given) => {
        const rows = apart(shape, given.rows, 'a')
        const changed = apart(shape, given.changed, 'b')
        const fresh = generated(shape)
        await inTransaction(store(), (tx) => clear(tx, table))
        await inTransaction(store(), (tx) => insert(tx, table, rows, 'fail'))
        await expectRows(store(), table, rows)
        if (fresh) return

        // The same keys with other values: refused, and nothing of the statement stays.
        const again = rows.map((row, i) => ({ ...changed[i], ...pick(row, shape.key) }))
        const refused = inTransaction(store(), (tx) => insert(tx, table, [...again].reverse(), 'fail'))
        await expect(refused).rejects.toThrow(/unique/i)
        await expectRows(store(), table, rows)

        await inTransaction(store(), (tx) => insert(tx, table, again, 'ignore'))
        await expectRows(store(), table, rows)

        const update = others.filter((_, i) => i % 2 === 0)
        await inTransaction(store(), (tx) => insert(tx, table, again, { key: shape.key, update }))
        await expectRows(
          store(),
          table,
          rows.map((row, i) => ({ ...row, ...pick(again[i] as Row, update) })),
        )
      })
      await fc.assert(check, { numRuns: 12 })
    })
  })
}

/** No two rows have the same in a column that a second unique index is over. */
function apart({ unique = [] }: TableShape, rows: Row[], mark: string): Row[] {
  return rows.map((row, i) => ({
    ...row,
    ...Object.fromEntries(unique.map((name) => [name, `${row[name]}${mark}${i}`])),
  }))
}

/** A key that the store draws itself is neither given nor compared. */
function generated(shape: TableShape): boolean {
  return shape.key[0] === 'sequence'
}

const workspace = 'w'

function insert(
  tx: StoreTransaction,
  table: keyof StoreSchema,
  rows: Row[],
  rule: unknown,
): Promise<unknown> {
  return isSystem(table)
    ? tx.systemBulk(table, rows as never, rule as OnConflict<SystemTable>)
    : tx.workspace(workspace).bulkInsert(table, rows as never, rule as OnConflict<WorkspaceTable>)
}

function clear(tx: StoreTransaction, table: keyof StoreSchema): Promise<unknown> {
  return isSystem(table)
    ? tx.system.deleteFrom(table).execute()
    : tx.workspace(workspace).deleteFrom(table).execute()
}

function all(scope: StoreScope, table: keyof StoreSchema): Promise<Row[]> {
  return isSystem(table)
    ? (scope.system
        .selectFrom(table as 'workspaces')
        .selectAll()
        .execute() as never)
    : (scope
        .workspace(workspace)
        .selectFrom(table as 'customers')
        .selectAll()
        .execute() as never)
}

async function expectRows(store: Store, table: keyof StoreSchema, expected: Row[]): Promise<void> {
  const shape = tableShapes[table] as TableShape
  const columns = Object.keys(shape.columns).filter((name) => !(generated(shape) && name === 'sequence'))
  const plain = (row: Row) => columns.map((name) => [name, plainValue(shape.columns[name]!, row[name])])
  const sorted = (rows: Row[]) =>
    rows.map(plain).sort((a, b) => compare(JSON.stringify(a), JSON.stringify(b)))
  const given = isSystem(table) ? expected : expected.map((row) => ({ ...row, workspace }))
  expect(sorted(await all(store.read, table))).toEqual(sorted(given))
}

/** Checks the type; a JSON string may come back with other spaces and another order of keys. */
function plainValue(kind: ColumnKind, value: unknown): unknown {
  switch (kind) {
    case 'json':
      expect(typeof value).toBe('string')
      return canonical(JSON.parse(value as string))
    case 'blob':
      expect(Object.getPrototypeOf(value)).toBe(Uint8Array.prototype)
      return [...(value as Uint8Array)]
    default:
      return value
  }
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value)
    .sort(([a], [b]) => compare(a, b))
    .map(([key, inner]) => [key, canonical(inner)])
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Up to eight rows of different keys. A tenant's table gets them without the workspace. */
function rowsOf(shape: TableShape): fc.Arbitrary<Row[]> {
  const keys = shape.key.filter((name) => name !== 'workspace')
  const selector = (row: Row) => JSON.stringify(keys.map((name) => row[name]))
  return fc.uniqueArray(rowOf(shape), {
    minLength: 1,
    maxLength: 8,
    ...(generated(shape) ? {} : { selector }),
  })
}

function rowOf(shape: TableShape): fc.Arbitrary<Row> {
  const columns = Object.entries(shape.columns)
    .filter(([name]) => !(generated(shape) && name === 'sequence'))
    .map(([name, kind]) => [name, arbitraryOf(kind)])
  return fc.record(Object.fromEntries(columns))
}

function arbitraryOf(kind: ColumnKind): fc.Arbitrary<unknown> {
  switch (kind) {
    case 'text':
      return text
    case 'text?':
      return fc.option(text)
    case 'int':
      return fc.oneof(
        fc.maxSafeInteger(),
        fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 0),
      )
    case 'int?':
      return fc.option(fc.maxSafeInteger())
    case 'real':
      // The sign of a zero is lost in SQLite, which stores whole reals as integers.
      return fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0)
    case 'real?':
      return fc.option(arbitraryOf('real'))
    case 'json':
      return fc
        .jsonValue()
        .map((value) => JSON.stringify(value))
        .filter((json) => !json.includes('\\u0000'))
    case 'blob':
      return fc.uint8Array({ maxLength: 3000 })
  }
}

/** PostgreSQL holds no NUL in text. */
const text = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('', 'null', '{}', "it's", '"', '\\', '{"a":"\\"}', '7', ',', '\r\n', '😀é'),
  )
  .filter((value) => !value.includes('\0'))

function pick(row: Row, names: string[]): Row {
  return Object.fromEntries(names.filter((name) => name in row).map((name) => [name, row[name]]))
}

function isSystem(table: keyof StoreSchema): table is SystemTable {
  return ['workspaces', 'api_keys', 'system_settings', 'log_offsets', 'provider_states'].includes(table)
}

function inTransaction<T>(store: Store, work: (tx: StoreTransaction) => Promise<T>): Promise<T> {
  return store.transaction(work)
}
