import { sql } from 'kysely'
import type { Store } from '#platform/store/store.ts'
import { shopWorkspace } from './shop-installation.ts'

export interface LedgerCheck {
  /** Messages to customers who were held out: 0. */
  toHeldOut: number
  /** Customers with more sends than a cap allows, in any window: 0. */
  overCap: number
  sent: number
}

const week = 7 * 86_400_000

/**
 * Counts from the ledger alone, without the guardrails' code: sends to the held out, and customers with a
 * fourth send within a week of the first of four, or two on one local day.
 */
export async function checkLedger(store: Store): Promise<LedgerCheck> {
  const db = store.read.workspace(shopWorkspace)
  const rows = await db
    .selectFrom('messages')
    .innerJoin('assignments', (join) =>
      join
        .onRef('assignments.workspace', '=', 'messages.workspace')
        .onRef('assignments.customer_id', '=', 'messages.customer_id')
        .onRef('assignments.campaign_id', '=', 'messages.campaign_id'),
    )
    .innerJoin('customers', (join) =>
      join
        .onRef('customers.workspace', '=', 'messages.workspace')
        .onRef('customers.customer_id', '=', 'messages.customer_id'),
    )
    .select(['messages.customer_id', 'messages.sending_at', 'assignments.held_out'])
    .select(sql<string | null>`customers.profile_json ->> 'zone'`.as('zone'))
    .where('messages.state', 'in', ['sending', 'sent', 'unknown'])
    .orderBy('messages.customer_id')
    .orderBy('messages.sending_at')
    .execute()
  const over = new Set<string>()
  for (const [customerId, own] of Map.groupBy(rows, (row) => row.customer_id)) {
    const times = own.map((row) => row.sending_at ?? 0)
    const days = times.map((at) =>
      new Intl.DateTimeFormat('sv-SE', { timeZone: own[0]?.zone ?? 'UTC' }).format(at),
    )
    if (times.some((at, index) => index >= 3 && at - (times[index - 3] ?? 0) < week)) over.add(customerId)
    if (new Set(days).size < days.length) over.add(customerId)
  }
  return { toHeldOut: rows.filter((row) => row.held_out === 1).length, overCap: over.size, sent: rows.length }
}
