import type { WorkspaceDb } from '#platform/store/store.ts'
import { moveCodes } from '../action/coupons/coupon-rows.ts'
import { moveInbox } from '../action/inbox-rows.ts'
import { moveMessages } from '../action/message-rows.ts'
import { mergeAssignments } from '../campaign/assignment-rows.ts'
import { moveTurns } from '../campaign/broadcast-turns.ts'
import { mergeJourneys } from '../campaign/journey-rows.ts'
import { moveRanks } from '../decision/decision-rank-rows.ts'
import { moveDecisions } from '../decision/decision-rows.ts'
import { moveExposures } from '../learning/exposure-rows.ts'
import { moveOutcomes } from '../learning/outcome-rows.ts'
import { moveMemberships } from '../profile/account-rows.ts'
import { canonicalCustomerId } from '../profile/canonical-customer.ts'
import { mergeCustomerRows } from '../profile/customer-rows.ts'
import { moveEndpoints } from '../profile/endpoint-rows.ts'
import { deleteScores } from '../profile/score-rows.ts'
import { moveHeldClicks } from './held-clicks.ts'
import { mergeTimers, setTimers } from './timer-rows.ts'

/**
 * Moves everything of one customer to another in the batch's transaction and leaves a pointer, also where
 * the absorbed one has no row yet: an event of theirs may still be on its way in the log. Caps and consent
 * take the stricter side; the customer stays in the arm entered first.
 */
export async function mergeCustomer(
  db: WorkspaceDb,
  fromId: string,
  towardsId: string,
  now: number,
): Promise<void> {
  // The one merged into may itself have been merged away since the record was written.
  const intoId = await canonicalCustomerId(db, towardsId)
  if (fromId === intoId) return
  await db.lockCustomers([fromId, intoId])
  await mergeCustomerRows(db, fromId, intoId, now)
  await mergeAssignments(db, fromId, intoId)
  await moveDecisions(db, fromId, intoId)
  await moveRanks(db, fromId, intoId)
  await moveMessages(db, fromId, intoId)
  await moveExposures(db, fromId, intoId)
  await moveOutcomes(db, fromId, intoId)
  await deleteScores(db, fromId)
  await mergeJourneys(db, fromId, intoId, now)
  await mergeTimers(db, fromId, intoId)
  await moveTurns(db, fromId, intoId)
  const dueAt = await moveHeldClicks(db, fromId, intoId)
  if (dueAt !== null) await setTimers(db, [{ customerId: intoId, kind: 'clicks', subject: '', dueAt }])
  await moveEndpoints(db, fromId, intoId)
  await moveInbox(db, fromId, intoId, now)
  await moveCodes(db, fromId, intoId)
  await moveMemberships(db, fromId, intoId)
}
