import { type RawBuilder, sql } from 'kysely'

/**
 * A list of keys as one parameter, for `column in (…)`: one statement text and one plan however many
 * there are, and no limit on parameters (32,766 in SQLite, 65,535 in PostgreSQL).
 */
export function keysList(dialect: 'sqlite' | 'postgres', keys: readonly string[]): RawBuilder<string> {
  return dialect === 'sqlite'
    ? sql<string>`(select "keys"."value" from json_each(${JSON.stringify(keys)}) as "keys")`
    : sql<string>`(select unnest(${keys}::text[]))`
}
