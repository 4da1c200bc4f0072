import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Comparison, Condition } from '#contracts/condition.ts'
import type { JsonObject, JsonValue } from '#contracts/json.ts'
import type { Customer, EventCounts, Profile } from '#contracts/profile.ts'
import type { Store } from '#platform/store/store.ts'
import { audiencePage } from '../../src/profile/audience.ts'
import { compileCondition } from '../../src/profile/condition.ts'
import { saveCustomers } from '../../src/profile/customer-rows.ts'
import { compileSegments, updateSegments } from '../../src/profile/segments.ts'
import { openTestStore } from '../support/test-store.ts'

const dayMs = 86_400_000
const now = Date.UTC(2026, 2, 10, 12)
const today = Math.floor(now / dayMs)

let store: Store
let folder = ''
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'starling-audience-'))
  store = await openTestStore(folder)
})
afterAll(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

const idOf = (i: number) => `c${String(i).padStart(3, '0')}`

let workspaces = 0

/** A workspace of its own with these profiles: customers c000, c001 … */
async function workspaceOf(profiles: Profile[]): Promise<string> {
  workspaces += 1
  const workspace = `shop-${workspaces}`
  const customers: Customer[] = profiles.map((profile, i) => ({
    workspace,
    customerId: idOf(i),
    version: 0,
    mergedInto: null,
    profile,
  }))
  await store.transaction((tx) => saveCustomers(tx.workspace(workspace), customers, now))
  return workspace
}

function profile(own: Partial<Profile>): Profile {
  return { traits: {}, firstSeenAt: 0, lastSeenAt: 0, counts: {}, segments: {}, ...own }
}

const none: ReadonlyMap<string, Condition> = new Map()

async function membersBySql(
  workspace: string,
  condition: Condition,
  segments: ReadonlyMap<string, Condition> = none,
): Promise<string[]> {
  const db = store.read.workspace(workspace)
  const page = await audiencePage(db, { condition, segments, now }, { after: '', limit: 1000 })
  return page!.customerIds
}

// Values that databases and languages disagree about.
const texts = [
  '',
  'a',
  'A',
  'b',
  'ab',
  '5',
  '05',
  '5.0',
  'true',
  'null',
  '[1]',
  '"',
  '\\',
  "'",
  '%',
  '_',
  '*',
  '?',
  '\n',
  ' ',
  'é',
  'e\u0301',
  'ß',
  'ss',
  'ı',
  'I',
  'ż',
  'z',
  '\u{1f600}',
  '\ue000',
  '\uffff',
  '\u{10ffff}',
  '\u2028',
  '2026-03-10',
]
const numbers = [
  0,
  -0,
  1,
  -1,
  5,
  0.1,
  0.1 + 0.2,
  0.3,
  1e-7,
  5e-324,
  1e21,
  1e308,
  -1e308,
  2 ** 53,
  2 ** 53 + 2,
  2 ** 62,
  2 ** 63,
  -(2 ** 63),
  2 ** 64,
  9007199254740991,
  4.35,
  123456789.12345679,
]
const names = [
  'x',
  'y',
  'a.b',
  'a',
  'b',
  '0',
  'length',
  'constructor',
  'x"y',
  'x\\y',
  "x'y",
  '$',
  'a[0]',
  'ж',
  '',
]
const anyText = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...texts) },
  {
    weight: 1,
    arbitrary: fc.string({ unit: 'binary', maxLength: 5 }).map((own) => own.replaceAll('\0', '.')),
  },
)
const anyNumber = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...numbers) },
  { weight: 1, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
)

/** A few names and values that profiles and conditions both draw from, so that they meet. */
const palette = fc.record({
  names: fc.uniqueArray(fc.constantFrom(...names), { minLength: 2, maxLength: 3 }),
  scalars: fc
    .tuple(
      fc.array(anyText, { minLength: 2, maxLength: 4 }),
      fc.array(anyNumber, { minLength: 2, maxLength: 3 }),
    )
    .map(([some, more]) => [...some, ...more, more[0]! + 1, String(more[0]), true, false]),
})
type Palette = typeof palette extends fc.Arbitrary<infer P> ? P : never

function traitsOf({ names: own, scalars }: Palette): fc.Arbitrary<JsonObject> {
  const name = fc.constantFrom(...own)
  const scalar = fc.constantFrom(...scalars)
  const member = fc.oneof(scalar, fc.constant(null), fc.array(scalar, { maxLength: 2 }))
  const value: fc.Arbitrary<JsonValue> = fc.oneof(
    { weight: 6, arbitrary: scalar },
    { weight: 1, arbitrary: fc.constant(null) },
    { weight: 2, arbitrary: fc.array(member, { maxLength: 4 }) },
  )
  const inner = fc.dictionary(name, value, { maxKeys: 2, noNullPrototype: true })
  const object = fc.dictionary(name, fc.oneof(value, inner), { maxKeys: 3, noNullPrototype: true })
  const whole = fc.oneof(
    name,
    fc.tuple(name, name).map((keys) => keys.join('.')),
  )
  const traits = fc.oneof({ weight: 3, arbitrary: value }, { weight: 2, arbitrary: object })
  return fc.dictionary(whole, traits, { maxKeys: 5, noNullPrototype: true }) as fc.Arbitrary<JsonObject>
}

const eventNames = ['Order Completed', 'page', 'a.b', 'x"y', '0', '(other)']
const counts: fc.Arbitrary<EventCounts> = fc
  .array(
    fc.tuple(
      fc.oneof(
        fc.constantFrom(today, today - 1, today - 6, today - 7, today + 1),
        fc.integer({ min: today - 400, max: today }),
      ),
      fc.integer({ min: 1, max: 4 }),
      fc.constantFrom(0, 1, 29_990_000, -5_000_000, 1e15),
      fc.constantFrom(0, 1, dayMs / 2 - 1, dayMs / 2, dayMs / 2 + 1, dayMs - 1),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((rows) => {
    const days = new Map(rows.map((row) => [row[0], row] as const))
    const kept = [...days.values()].sort((a, b) => a[0] - b[0])
    const ats = kept.map(([day, , , of]) => day * dayMs + of)
    return {
      total: kept.reduce((sum, [, count]) => sum + count, 0),
      firstAt: ats[0]!,
      lastAt: ats.at(-1)!,
      valueMicros: kept.reduce((sum, [, , micros]) => sum + micros, 0),
      days: kept.map(([day, count, micros]) => [day, count, micros]),
    }
  })

function profilesOf(own: Palette): fc.Arbitrary<Profile[]> {
  const parts = {
    traits: traitsOf(own),
    accounts: fc.option(
      fc.dictionary(fc.constantFrom('acme', 'a.b', 'x"y'), traitsOf(own), {
        maxKeys: 2,
        noNullPrototype: true,
      }),
      { nil: undefined },
    ),
    counts: fc.dictionary(fc.constantFrom(...eventNames), counts, { maxKeys: 3, noNullPrototype: true }),
    scores: fc.dictionary(fc.constantFrom('churn', 'conversion'), fc.constantFrom(0, 0.1, 0.25, 0.3, 1), {
      maxKeys: 2,
      noNullPrototype: true,
    }),
  }
  return fc.array(
    fc
      .record(parts)
      .map(({ accounts, ...rest }) => profile(accounts === undefined ? rest : { ...rest, accounts })),
    { minLength: 2, maxLength: 12 },
  )
}

const comparisons: Comparison[] = ['eq', 'ne', 'in', 'gt', 'gte', 'lt', 'lte', 'contains', 'exists']

function traitLeaves({ names: own, scalars }: Palette): fc.Arbitrary<Condition> {
  const name = fc.constantFrom(...own)
  const scalar = fc.constantFrom(...scalars)
  const operand = fc.oneof(
    { weight: 5, arbitrary: scalar },
    { weight: 2, arbitrary: fc.array(scalar, { maxLength: 4 }) },
  )
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((keys) => keys.join('.'))
  const comparison = fc.record({ op: fc.constantFrom(...comparisons), value: operand })
  return fc.oneof(
    { weight: 6, arbitrary: fc.tuple(path, comparison).map(([trait, rest]) => ({ trait, ...rest })) },
    { weight: 3, arbitrary: fc.tuple(path, comparison).map(([account, rest]) => ({ account, ...rest })) },
    { weight: 1, arbitrary: fc.tuple(path, comparison).map(([property, rest]) => ({ property, ...rest })) },
  )
}

const eventLeaf = fc.record(
  {
    event: fc.constantFrom(...eventNames, '*', 'never'),
    measure: fc.constantFrom('count' as const, 'sum' as const, 'daysSince' as const),
    op: fc.constantFrom(
      'eq' as const,
      'ne' as const,
      'gt' as const,
      'gte' as const,
      'lt' as const,
      'lte' as const,
    ),
    value: fc.constantFrom(-1, 0, 0.5, 1, 2, 3, 6, 6.5, 7, 29.99, 59.98, 400, 1e9, 1e308),
    withinDays: fc.constantFrom(1, 2, 7, 8, 400),
  },
  { requiredKeys: ['event', 'measure', 'op', 'value'] },
)
const scoreLeaf = fc.record(
  {
    score: fc.constantFrom('churn', 'conversion'),
    atLeast: fc.constantFrom(0, 0.1, 0.25),
    below: fc.constantFrom(0.25, 0.3, 1),
  },
  { requiredKeys: ['score', 'atLeast'] },
)
const segmentIds = ['s0', 's1', 's2']

/** Trees over leaves; segments may name those before them. */
function tree(own: Palette, ids: string[]): fc.Arbitrary<Condition> {
  const leaf: fc.Arbitrary<Condition> = fc.oneof(
    { weight: 6, arbitrary: traitLeaves(own) },
    { weight: 3, arbitrary: eventLeaf },
    { weight: 1, arbitrary: scoreLeaf },
    ...(ids.length === 0
      ? []
      : [{ weight: 2, arbitrary: fc.constantFrom(...ids).map((segment) => ({ segment })) }]),
  ) as fc.Arbitrary<Condition>
  return fc.letrec<{ node: Condition }>((tie) => ({
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaf,
      fc.array(tie('node'), { maxLength: 3 }).map((all) => ({ all })),
      fc.array(tie('node'), { maxLength: 3 }).map((any) => ({ any })),
      tie('node').map((not) => ({ not })),
    ),
  })).node
}

const cases = palette.chain((own) =>
  fc.record({
    given: profilesOf(own),
    said: fc.tuple(tree(own, []), tree(own, ['s0']), tree(own, ['s0', 's1'])),
    conditions: fc.array(tree(own, [...segmentIds, 'gone']), { minLength: 20, maxLength: 40 }),
  }),
)

describe('a condition', () => {
  test('compares every awkward value with every other as memory does', async () => {
    const scalars = [...texts, ...numbers, true, false]
    const values: JsonValue[] = [
      null,
      [],
      {},
      ...scalars,
      ...scalars.map((own) => [own, [own]]),
      [[1]],
      [null],
    ]
    const given = values.map((x) => profile({ traits: { x } }))
    const standing = JSON.parse(JSON.stringify(given)) as Profile[]
    const workspace = await workspaceOf(given)
    for (const value of scalars) {
      for (const op of comparisons) {
        const condition: Condition = { trait: 'x', op, value: op === 'in' ? [value, 'zz'] : value }
        const holds = compileCondition(condition)
        const expected = standing.flatMap((own, i) => (holds({ profile: own, now }) ? [idOf(i)] : []))
        expect(await membersBySql(workspace, condition), JSON.stringify(condition)).toEqual(expected)
      }
    }
  })

  test('holds for the same customers in SQL as in memory, whatever they are like', () =>
    fc.assert(
      fc.asyncProperty(cases, async ({ given, said, conditions }) => {
        const compiled = compileSegments(
          said.map((condition, i) => ({ id: segmentIds[i]!, name: '', condition: allowed(condition) })),
        )
        if (compiled.kind === 'faults') throw new Error(compiled.faults.join('; '))
        const workspace = await workspaceOf(given)
        // As the store gives them back.
        const standing = JSON.parse(JSON.stringify(given)) as Profile[]
        for (const own of standing) updateSegments(own, compiled.segments, now)
        for (const condition of conditions) {
          const holds = compileCondition(condition)
          const expected = standing.flatMap((own, i) => (holds({ profile: own, now }) ? [idOf(i)] : []))
          expect(await membersBySql(workspace, condition, compiled.segments.conditions)).toEqual(expected)
        }
      }),
      { seed: 7, numRuns: 60 },
    ))
})

/** Segments take no property, and operators only with operands that fit: then the condition says so itself. */
function allowed(condition: Condition): Condition {
  const asked = compileSegments([
    { id: 's2', name: '', condition },
    ...segmentIds.slice(0, 2).map((id) => ({ id, name: '', condition: { all: [] } })),
  ])
  return asked.kind === 'compiled' ? condition : { all: [] }
}
