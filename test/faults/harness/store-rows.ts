import type { DatabaseSync } from 'node:sqlite'
import { type Client, type CustomTypesConfig, types } from 'pg'

export type Row = Record<string, unknown>

/** What the count looks at, as plain rows: JSON is text, integers are numbers, bytes are bytes. */
export interface StoreRows {
  messages: Row[]
  /** Only `event_id`. */
  events: Row[]
  decisions: Row[]
  /** Customers that were not merged away. */
  customers: Row[]
  /** Only `message_id`, of messages to customers who are held out of their campaign. */
  heldOutMessages: Row[]
  /** Only `message_id`: each message that a cap refused at the claim, once. */
  capRefusals: Row[]
}

/** By plain SQL that both kinds of store understand. */
const queries: Record<keyof StoreRows, string> = {
  messages: 'select message_id, decision_id, customer_id, state, reason from messages',
  events: 'select event_id from events',
  decisions:
    'select decision_id, customer_id, trigger_id, decided_at, outcome, excluded_json, record from decisions',
  customers: 'select profile_json from customers where merged_into is null',
  heldOutMessages: `select messages.message_id from messages join assignments
    on assignments.workspace = messages.workspace and assignments.customer_id = messages.customer_id
    and assignments.campaign_id = messages.campaign_id where assignments.held_out = 1`,
  capRefusals: `select distinct message_id from message_transitions where reason like 'frequency-cap:%'`,
}

export function rowsOfSqlite(store: DatabaseSync): StoreRows {
  const rows = Object.entries(queries).map(([name, sql]) => [name, store.prepare(sql).all()])
  return Object.fromEntries(rows) as StoreRows
}

export async function rowsOfPostgres(client: Client): Promise<StoreRows> {
  const rows: Partial<StoreRows> = {}
  for (const name of Object.keys(queries) as (keyof StoreRows)[]) {
    rows[name] = (await client.query<Row>(queries[name])).rows
  }
  return rows as StoreRows
}

/** As SQLite gives them: integers as numbers, JSON as its text. */
export const typesAsInSqlite: CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') => {
    if (oid === types.builtins.INT8) return Number
    if (oid === types.builtins.JSONB) return String
    return types.getTypeParser(oid, format as 'text')
  },
}
