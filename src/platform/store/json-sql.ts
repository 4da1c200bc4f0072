import { type RawBuilder, sql } from 'kysely'

export type OrderOp = 'gt' | 'gte' | 'lt' | 'lte'
type Scalar = string | number | boolean

/** An expression of a JSON value; SQL null where there is none. JSON's null is a value. */
export type JsonSql = RawBuilder<string>
/** Never null. */
export type BoolSql = RawBuilder<boolean>
/** A double, or null. */
export type NumberSql = RawBuilder<number>

/**
 * What a query asks of a `*_json` column, alike in both dialects and as JavaScript would answer: nothing is
 * converted, numbers are doubles, text is in the order of code points, and no answer is null.
 *
 * SQLite holds the text that `JSON.stringify` wrote, and that is the canonical one of each scalar; what it gives
 * of an object's member is that text again. So equal text is an equal value. PostgreSQL compares jsonb.
 */
export interface JsonQueries {
  /** What a path of own keys leads to, through objects only. */
  at(json: JsonSql, keys: readonly string[]): JsonSql
  isThere(value: JsonSql): BoolSql
  /** Neither missing nor JSON's null. */
  hasValue(value: JsonSql): BoolSql
  isOneOf(value: JsonSql, scalars: readonly Scalar[]): BoolSql
  /** False where the value is of another type than the scalar. */
  isOrdered(value: JsonSql, op: OrderOp, scalar: string | number): BoolSql
  /** Of a list: one of its members; of a text: a part of it. */
  contains(value: JsonSql, scalar: Scalar): BoolSql
  /** Whether it is so of a member of an object; a missing one has none. */
  someMember(json: JsonSql, holds: (member: JsonSql) => BoolSql): BoolSql
  double(value: number): NumberSql
  /** Of a value that is a number or missing. */
  number(value: JsonSql): NumberSql
  /** The sum over a list of lists of numbers: of each list whose first is at least `from`, the one at `index`. */
  sumOfRows(rows: JsonSql, index: number, from: number): NumberSql
  /** An aggregate over the members of an object; a missing one has none. */
  overMembers(json: JsonSql, aggregate: 'sum' | 'max', of: (member: JsonSql) => NumberSql): NumberSql
}

/** `and` and `or` as balanced trees: SQLite allows expressions a depth of 1000, and a list of 100 is one of 100. */
export function allOf(parts: readonly BoolSql[]): BoolSql {
  return joined(parts, sql` and `, sql<boolean>`(1 = 1)`)
}

export function anyOf(parts: readonly BoolSql[]): BoolSql {
  return joined(parts, sql` or `, sql<boolean>`(1 = 0)`)
}

export function jsonQueries(dialect: 'sqlite' | 'postgres'): JsonQueries {
  return dialect === 'sqlite' ? sqlite : postgres
}

const sqlite: JsonQueries = {
  at: (json, keys) => sql`(${json} -> ${`$${keys.map((key) => `.${JSON.stringify(key)}`).join('')}`})`,
  isThere: (value) => sql`(${value} is not null)`,
  hasValue: (value) => sql`coalesce(${value} <> 'null', 0)`,
  isOneOf(value, scalars) {
    const [first] = scalars
    if (scalars.length === 1) return sql`coalesce(${value} = ${JSON.stringify(first)}, 0)`
    const texts = JSON.stringify(scalars.map((scalar) => JSON.stringify(scalar)))
    return sql`coalesce(${value} in (select value from json_each(${texts})), 0)`
  },
  isOrdered(value, op, scalar) {
    const order = orders[op]
    return typeof scalar === 'number'
      ? sql`(case when ${value} glob '[-0-9]*' then cast(${value} as real) ${order} ${scalar} else 0 end)`
      : sql`(case when ${value} glob '"*' then (${value} ->> '$') ${order} ${scalar} else 0 end)`
  },
  contains(value, scalar) {
    const inText =
      typeof scalar === 'string'
        ? sql`when ${value} glob '"*' then instr(${value} ->> '$', ${scalar}) > 0 `
        : sql``
    return sql`(case when ${value} glob '[[]*' then exists (
      select 1 from json_each(${value}) as entry where ${isMember(scalar)}) ${inText}else 0 end)`
  },
  someMember: (json, holds) => sql`exists (
    select 1 from json_each(coalesce(${json}, '{}')) as member where ${holds(sql`member.value`)})`,
  double: (value) => sql`${value}`,
  number: (value) => sql`cast(${value} as real)`,
  sumOfRows: (rows, index, from) => sql`(select total(cast(entry.value ->> ${sql.lit(index)} as real))
    from json_each(coalesce(${rows}, '[]')) as entry where cast(entry.value ->> 0 as real) >= ${from})`,
  overMembers: (json, aggregate, of) => sql`(select ${sql.raw(aggregate === 'sum' ? 'total' : 'max')}(
    ${of(sql`member.value`)}) from json_each(coalesce(${json}, '{}')) as member)`,
}

/** Of a row of `json_each`, which gives values and no JSON text. */
function isMember(scalar: Scalar): BoolSql {
  if (typeof scalar === 'boolean') return sql`entry.type = ${String(scalar)}`
  if (typeof scalar === 'string') return sql`entry.type = 'text' and entry.value = ${scalar}`
  return sql`entry.type in ('integer', 'real') and cast(entry.value as real) = ${scalar}`
}

const postgres: JsonQueries = {
  at: (json, keys) => keys.reduce<JsonSql>((inner, key) => sql`(${inner} -> ${key}::text)`, json),
  isThere: (value) => sql`(${value} is not null)`,
  hasValue: (value) => sql`coalesce(jsonb_typeof(${value}) <> 'null', false)`,
  isOneOf(value, scalars) {
    const [first] = scalars
    if (scalars.length === 1) return sql`coalesce(${value} = ${JSON.stringify(first)}::jsonb, false)`
    return sql`coalesce(${value} in (select jsonb_array_elements(${JSON.stringify(scalars)}::jsonb)), false)`
  },
  isOrdered(value, op, scalar) {
    const order = orders[op]
    return typeof scalar === 'number'
      ? sql`(case when jsonb_typeof(${value}) = 'number' then (${value})::float8 ${order} ${scalar}::float8
          else false end)`
      : sql`(case when jsonb_typeof(${value}) = 'string' then (${value} #>> '{}') collate "C" ${order} ${scalar}::text
          else false end)`
  },
  contains(value, scalar) {
    const inText =
      typeof scalar === 'string'
        ? sql`when 'string' then strpos(${value} #>> '{}', ${scalar}::text) > 0 `
        : sql``
    return sql`(case jsonb_typeof(${value}) when 'array' then ${value} @> ${JSON.stringify(scalar)}::jsonb
      ${inText}else false end)`
  },
  someMember: (json, holds) => sql`exists (
    select 1 from jsonb_each(coalesce(${json}, '{}'::jsonb)) as member where ${holds(sql`member.value`)})`,
  double: (value) => sql`${value}::float8`,
  number: (value) => sql`(${value})::float8`,
  sumOfRows: (rows, index, from) => sql`(select coalesce(sum((entry.value -> ${sql.lit(index)})::float8), 0)
    from jsonb_array_elements(coalesce(${rows}, '[]'::jsonb)) as entry
    where (entry.value -> 0)::float8 >= ${from}::float8)`,
  overMembers(json, aggregate, of) {
    const value = of(sql`member.value`)
    const folded = aggregate === 'sum' ? sql`coalesce(sum(${value}), 0)` : sql`max(${value})`
    return sql`(select ${folded} from jsonb_each(coalesce(${json}, '{}'::jsonb)) as member)`
  },
}

const orders: Record<OrderOp, RawBuilder<unknown>> = { gt: sql`>`, gte: sql`>=`, lt: sql`<`, lte: sql`<=` }

function joined(parts: readonly BoolSql[], by: RawBuilder<unknown>, none: BoolSql): BoolSql {
  if (parts.length === 0) return none
  if (parts.length === 1) return parts[0]!
  const half = parts.length >> 1
  return sql`(${joined(parts.slice(0, half), by, none)}${by}${joined(parts.slice(half), by, none)})`
}
