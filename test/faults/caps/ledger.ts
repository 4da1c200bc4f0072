import type { DatabaseSync } from 'node:sqlite'

/** What the store says, as plain rows read without the engine's code. */
export interface CapsLedger {
  /** By message id: the claim; by the id of a placement's decision: when it was shown, or given. */
  begunAt: Map<string, number>
  /** Decisions in which a cap refused something. */
  refusals: number
  /** Messages that a cap or a gap put off at the claim. */
  deferrals: number
  outranked: number
  unknown: number
}

const refusals = `select count(*) as n from decisions where excluded_json like '%"frequency-cap"%'`
const deferrals = `select count(distinct message_id) as n from message_transitions
  where reason like 'frequency-cap:%' or reason like 'least-gap:%'`
const outranked = `select count(distinct message_id) as n from message_transitions where reason like '%:outranked'`
const unknown = `select count(*) as n from messages where state = 'unknown'`

export function ledgerOfSqlite(store: DatabaseSync): CapsLedger {
  const number = (sql: string) => Number(store.prepare(sql).get()?.n)
  const begun = store
    .prepare(
      `select message_id as id, sending_at as at from messages where sending_at is not null
      union all select decision_id as id, coalesce(exposed_at, decided_at) as at from decision_ranks`,
    )
    .all()
  return {
    begunAt: new Map(begun.map((row) => [String(row.id), Number(row.at)])),
    refusals: number(refusals),
    deferrals: number(deferrals),
    outranked: number(outranked),
    unknown: number(unknown),
  }
}

/** Messages that might go out now. */
export function dueMessages(store: DatabaseSync, now: number): number {
  const due = store.prepare(`select count(*) as n from messages where state = 'queued' and due_at <= ?`)
  return Number(due.get(now)?.n)
}
