import { type SqlBool, sql } from 'kysely'
import type { Goal } from '#contracts/campaign.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import type { CustomerPage } from './customer-pages.ts'

/** Customers that share everything a comparison may split by. */
export interface PopulationCell {
  campaignVersion: number
  heldOut: boolean
  arm: string
  customers: number
  windowOpen: number
  firstEnteredAt: number
  lastEnteredAt: number
}

/** What the customers of one group did towards one goal; sums are over customers and exact. */
export interface GoalTally {
  conversions: number
  payers: number
  sumMicros: bigint
  /** Micros²: beyond int8 from some 3,000 customers worth 50 units each on. */
  sumOfSquares: bigint
}

export const emptyTally: Readonly<GoalTally> = Object.freeze({
  conversions: 0,
  payers: 0,
  sumMicros: 0n,
  sumOfSquares: 0n,
})

/** Counts the page's assignments; `windowOpensAfter`: who entered later can still convert. */
export async function loadPopulation(
  db: WorkspaceDb,
  campaignId: string,
  page: CustomerPage,
  windowOpensAfter: number,
): Promise<PopulationCell[]> {
  const rows = await db
    .selectFrom('assignments')
    .select((eb) => [
      'assignments.campaign_version',
      'assignments.held_out',
      'assignments.arm',
      eb.fn.countAll().as('customers'),
      sql<number>`sum(case when ${eb.ref('assignments.entered_at')} > ${windowOpensAfter} then 1 else 0 end)`.as(
        'window_open',
      ),
      eb.fn.min('assignments.entered_at').as('first_entered_at'),
      eb.fn.max('assignments.entered_at').as('last_entered_at'),
    ])
    .where('assignments.campaign_id', '=', campaignId)
    .where(onPage('assignments.customer_id', page))
    .groupBy(['assignments.campaign_version', 'assignments.held_out', 'assignments.arm'])
    .execute()
  return rows.map((row) => ({
    campaignVersion: row.campaign_version,
    heldOut: row.held_out === 1,
    arm: row.arm,
    customers: Number(row.customers),
    windowOpen: Number(row.window_open),
    firstEnteredAt: Number(row.first_entered_at),
    lastEnteredAt: Number(row.last_entered_at),
  }))
}

/** One converting customer of the page each, with the value of all their conversions. */
export interface Converter {
  heldOut: boolean
  arm: string
  valueMicros: bigint
}

/**
 * Conversions count from the customer's row on and within the goal's window, also after a merge that gave
 * the customer an earlier row. The sums come as text: a sum of int8 may pass what a number holds.
 */
export async function loadConverters(
  db: WorkspaceDb,
  campaignId: string,
  goal: Goal,
  page: CustomerPage,
): Promise<Converter[]> {
  const windowMs = Math.floor(goal.windowHours * 3_600_000)
  const rows = await db
    .selectFrom('outcomes')
    .innerJoin('assignments', (join) =>
      join
        .onRef('assignments.workspace', '=', 'outcomes.workspace')
        .onRef('assignments.campaign_id', '=', 'outcomes.campaign_id')
        .onRef('assignments.customer_id', '=', 'outcomes.customer_id'),
    )
    .select((eb) => [
      'assignments.held_out',
      'assignments.arm',
      sql<string>`cast(sum(${eb.ref('outcomes.value_micros')}) as text)`.as('value_micros'),
    ])
    .where('outcomes.campaign_id', '=', campaignId)
    .where('outcomes.goal_id', '=', goal.id)
    .where('outcomes.kind', '=', 'conversion')
    .where(onPage('outcomes.customer_id', page))
    .whereRef('outcomes.occurred_at', '>=', 'assignments.entered_at')
    .where((eb) => eb(eb('outcomes.occurred_at', '-', eb.ref('assignments.entered_at')), '<=', windowMs))
    .groupBy(['outcomes.customer_id', 'assignments.held_out', 'assignments.arm'])
    .execute()
  return rows.map((row) => ({
    heldOut: row.held_out === 1,
    arm: row.arm,
    valueMicros: BigInt(row.value_micros),
  }))
}

/** Adds one customer to a tally. */
export function addConverter(tally: GoalTally, valueMicros: bigint): void {
  tally.conversions += 1
  if (valueMicros > 0n) tally.payers += 1
  tally.sumMicros += valueMicros
  tally.sumOfSquares += valueMicros * valueMicros
}

/** The range of a page, for a column that holds customer ids. */
export function onPage(column: string, { after, upTo }: CustomerPage) {
  const id = sql.ref(column)
  return upTo === null ? sql<SqlBool>`${id} > ${after}` : sql<SqlBool>`${id} > ${after} and ${id} <= ${upTo}`
}
