import type { AssignmentRow } from '../campaign/assignment-rows.ts'
import { assignmentKey, type WorkspaceBatch } from './workspace-batch.ts'

/** Writes the row that uplift counts by, at the first eligible trigger; later ones find it there. */
export function enrol(rows: WorkspaceBatch, row: AssignmentRow): void {
  const key = assignmentKey(row.campaignId, row.customerId)
  if (rows.assignments.has(key)) return
  rows.assignments.set(key, row)
  rows.written.assignments.push(row)
}
