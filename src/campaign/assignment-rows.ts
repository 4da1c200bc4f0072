import type { InstantMs } from '#contracts/clock.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'

/** Who counts in uplift: one per customer and campaign, at the first eligible trigger. */
export interface AssignmentRow {
  campaignId: string
  customerId: string
  campaignVersion: number
  heldOut: boolean
  /** Arm of the campaign's experiment, '' without one. */
  arm: string
  enteredAt: InstantMs
  decisionId: string
}

export async function loadAssignments(db: WorkspaceDb, customerIds: string[]): Promise<AssignmentRow[]> {
  if (customerIds.length === 0) return []
  return (await db.recurring(ofCustomers, { customerIds })).map(assignmentOf)
}

const ofCustomers: RecurringQuery<{ customerIds: readonly string[] }, RowOf<'assignments'>> = {
  like: { customerIds: 'keys' },
  build: (db, { customerIds }) =>
    db.selectByKeys('assignments', 'customer_id', customerIds).selectAll('assignments'),
}

/** A campaign's population, in the order of entering. */
export async function listAssignments(db: WorkspaceDb, campaignId: string): Promise<AssignmentRow[]> {
  const rows = await db
    .selectFrom('assignments')
    .selectAll('assignments')
    .where('assignments.campaign_id', '=', campaignId)
    .orderBy('assignments.entered_at')
    .orderBy('assignments.customer_id')
    .execute()
  return rows.map(assignmentOf)
}

/** Who is in a campaign already stays as entered. */
export async function insertAssignments(
  db: WorkspaceDb,
  assignments: readonly AssignmentRow[],
): Promise<void> {
  if (assignments.length > 0) await db.bulkInsert('assignments', assignments.map(rowOf), 'ignore')
}

/**
 * Makes one customer's assignments another's. Where both are in a campaign, the one entered first stays; of
 * two at the same instant the one that is held out, so that nobody held out gets anything. The caller holds
 * the locks of both customers.
 */
export async function mergeAssignments(db: WorkspaceDb, fromId: string, intoId: string): Promise<void> {
  if (fromId === intoId) return
  const both = await loadAssignments(db, [fromId, intoId])
  const moving = both.filter(({ customerId }) => customerId === fromId)
  if (moving.length === 0) return
  const existing = new Map(
    both.filter(({ customerId }) => customerId === intoId).map((row) => [row.campaignId, row]),
  )
  const winners = moving.filter((row) => isFirst(row, existing.get(row.campaignId)))
  await db.deleteFrom('assignments').where('assignments.customer_id', '=', fromId).execute()
  if (winners.length === 0) return
  await db.bulkInsert(
    'assignments',
    winners.map((row) => rowOf({ ...row, customerId: intoId })),
    {
      key: ['workspace', 'campaign_id', 'customer_id'],
      update: ['campaign_version', 'held_out', 'arm', 'entered_at', 'decision_id'],
    },
  )
}

function isFirst(row: AssignmentRow, other: AssignmentRow | undefined): boolean {
  if (other === undefined || row.enteredAt < other.enteredAt) return true
  return row.enteredAt === other.enteredAt && row.heldOut && !other.heldOut
}

function assignmentOf(row: RowOf<'assignments'>): AssignmentRow {
  return {
    campaignId: row.campaign_id,
    customerId: row.customer_id,
    campaignVersion: row.campaign_version,
    heldOut: row.held_out === 1,
    arm: row.arm,
    enteredAt: row.entered_at,
    decisionId: row.decision_id,
  }
}

function rowOf(assignment: AssignmentRow) {
  return {
    campaign_id: assignment.campaignId,
    customer_id: assignment.customerId,
    campaign_version: assignment.campaignVersion,
    held_out: assignment.heldOut ? (1 as const) : (0 as const),
    arm: assignment.arm,
    entered_at: assignment.enteredAt,
    decision_id: assignment.decisionId,
  }
}
