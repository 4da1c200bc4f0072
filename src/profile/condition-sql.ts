import { sql } from 'kysely'
import type { InstantMs } from '#contracts/clock.ts'
import type { Condition } from '#contracts/condition.ts'
import { dayUtcOf } from '#platform/ids/ids.ts'
import {
  allOf,
  anyOf,
  type BoolSql,
  type JsonQueries,
  type JsonSql,
  jsonQueries,
  type NumberSql,
} from '#platform/store/json-sql.ts'
import { compileComparison } from './compare.ts'
import type { ConditionLeaf } from './condition.ts'
import { boundOf, dayMs, type EventLeafSpec } from './event-leaf.ts'

export interface SqlConditionParts {
  dialect: 'sqlite' | 'postgres'
  now: InstantMs
  /** What the segments of the workspace say, by id. */
  segments: ReadonlyMap<string, Condition>
}

/** With what segments say in their place: SQLite takes 32,766 parameters, and a leaf has up to twelve. */
export const partsMax = 2000
/** SQLite takes expressions as deep as 1000, and a list of a hundred is one of seven. */
export const depthMax = 100

/**
 * The condition as one SQL expression over `customers.profile_json`. It is true for whom `compileCondition` is,
 * without a triggering event, once their memberships are up to date: a segment is put in its place, so what is
 * asked is true as of `now`, also where no event has come since the segment was changed. Null: too large.
 */
export function compileConditionSql(condition: Condition, parts: SqlConditionParts): BoolSql | null {
  const queries = jsonQueries(parts.dialect)
  let left = partsMax
  const compile = (own: Condition, depth: number): BoolSql | null => {
    left -= 1
    if (left < 0 || depth > depthMax) return null
    if ('all' in own) return compileList(own.all, allOf, depth)
    if ('any' in own) return compileList(own.any, anyOf, depth)
    if ('not' in own) {
      const inner = compile(own.not, depth + 1)
      return inner === null ? null : sql`(not ${inner})`
    }
    if ('segment' in own) {
      const inner = parts.segments.get(own.segment)
      return inner === undefined ? constant(false) : compile(inner, depth + 1)
    }
    return compileLeaf(own, queries, parts.now)
  }
  const compileList = (list: Condition[], join: typeof allOf, depth: number): BoolSql | null => {
    const compiled: BoolSql[] = []
    for (const inner of list) {
      const own = compile(inner, depth + 1)
      if (own === null) return null
      compiled.push(own)
    }
    return join(compiled)
  }
  return compile(condition, 0)
}

function compileLeaf(
  leaf: Exclude<ConditionLeaf, { segment: string }>,
  queries: JsonQueries,
  now: InstantMs,
): BoolSql {
  if ('trait' in leaf) {
    return comparisonSql(readTrait(queries.at(profile, ['traits']), leaf.trait, queries), leaf, queries)
  }
  if ('account' in leaf) {
    return queries.someMember(queries.at(profile, ['accounts']), (traits) =>
      comparisonSql(readTrait(traits, leaf.account, queries), leaf, queries),
    )
  }
  if ('property' in leaf) return constant(compileComparison(leaf.op, leaf.value)(undefined))
  if ('score' in leaf) {
    const score = queries.at(profile, ['scores', leaf.score])
    return allOf([
      queries.isThere(score),
      ...(leaf.atLeast === undefined ? [] : [queries.isOrdered(score, 'gte', leaf.atLeast)]),
      ...(leaf.below === undefined ? [] : [queries.isOrdered(score, 'lt', leaf.below)]),
    ])
  }
  return leaf.measure === 'daysSince' ? ageSql(leaf, queries, now) : amountSql(leaf, queries, now)
}

const profile: JsonSql = sql.ref('customers.profile_json')

/** As `compilePath`: what has the whole path for its name goes before what the dots lead to. */
function readTrait(traits: JsonSql, path: string, queries: JsonQueries): JsonSql {
  const whole = queries.at(traits, [path])
  const keys = path.split('.')
  return keys.length === 1 ? whole : sql`coalesce(${whole}, ${queries.at(traits, keys)})`
}

/** As `compileComparison`. */
function comparisonSql(
  actual: JsonSql,
  { op, value }: Pick<Extract<Condition, { trait: string }>, 'op' | 'value'>,
  queries: JsonQueries,
): BoolSql {
  if (op === 'in') {
    return Array.isArray(value) && value.length > 0 ? queries.isOneOf(actual, value) : constant(false)
  }
  if (op === 'exists') {
    if (typeof value !== 'boolean') return constant(false)
    return value ? queries.hasValue(actual) : sql`(not ${queries.hasValue(actual)})`
  }
  if (Array.isArray(value)) return constant(op === 'ne')
  switch (op) {
    case 'eq':
      return queries.isOneOf(actual, [value])
    case 'ne':
      return sql`(not ${queries.isOneOf(actual, [value])})`
    case 'contains':
      return queries.contains(actual, value)
    default:
      return typeof value === 'boolean' ? constant(false) : queries.isOrdered(actual, op, value)
  }
}

/** As `compileEventLeaf`, of counts and sums. */
function amountSql(leaf: EventLeafSpec, queries: JsonQueries, now: InstantMs): BoolSql {
  const { event, measure, op, withinDays } = leaf
  const amountOf = (counts: JsonSql): NumberSql => {
    if (withinDays !== undefined) {
      const from = dayUtcOf(now) - withinDays + 1
      return queries.sumOfRows(queries.at(counts, ['days']), measure === 'sum' ? 2 : 1, from)
    }
    return queries.number(queries.at(counts, [measure === 'sum' ? 'valueMicros' : 'total']))
  }
  const amount =
    event === '*'
      ? queries.overMembers(queries.at(profile, ['counts']), 'sum', amountOf)
      : sql<number>`coalesce(${amountOf(queries.at(profile, ['counts', event]))}, 0)`
  return sql`(${amount} ${operators[op]} ${queries.double(boundOf(leaf))})`
}

/** As `compileEventLeaf`, of ages. */
function ageSql(leaf: EventLeafSpec, queries: JsonQueries, now: InstantMs): BoolSql {
  const { event, op, withinDays } = leaf
  const lastOf = (counts: JsonSql): NumberSql => queries.number(queries.at(counts, ['lastAt']))
  const last =
    event === '*'
      ? queries.overMembers(queries.at(profile, ['counts']), 'max', lastOf)
      : lastOf(queries.at(profile, ['counts', event]))
  const from = withinDays === undefined ? Number.NEGATIVE_INFINITY : (dayUtcOf(now) - withinDays + 1) * dayMs
  const bound = boundOf(leaf)
  const ofAge = (age: number) => constant(compileComparison(op, bound)(age))
  return sql`(case when coalesce(${last} < ${queries.double(from)}, 1 = 1) then ${ofAge(Number.POSITIVE_INFINITY)}
    when ${last} > ${queries.double(now)} then ${ofAge(0)}
    else ${queries.double(now)} - ${last} ${operators[op]} ${queries.double(bound)} end)`
}

function constant(value: boolean): BoolSql {
  return value ? allOf([]) : anyOf([])
}

const operators = {
  eq: sql`=`,
  ne: sql`<>`,
  gt: sql`>`,
  gte: sql`>=`,
  lt: sql`<`,
  lte: sql`<=`,
} as const
