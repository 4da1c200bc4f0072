import { expect, test } from 'vitest'
import type { WorkspaceRowOf } from '#platform/store/store.ts'
import { convertedSince, insertOutcomes, moveOutcomes } from '../../../src/learning/outcome-rows.ts'
import { openTestStore, workspace, write } from './learning-store.ts'

const outcome: WorkspaceRowOf<'outcomes'> = {
  day_utc: 20_000,
  outcome_id: 'o1',
  customer_id: 'c1',
  kind: 'conversion',
  campaign_id: 'spring',
  goal_id: 'purchase',
  event_id: 'e1',
  message_id: '',
  value_micros: 12_000_000,
  occurred_at: 1000,
}

test('an outcome is kept once and moves with a merge', async () => {
  const store = await openTestStore()
  await write(store, (db) =>
    insertOutcomes(db, [outcome, { ...outcome, outcome_id: 'o2', customer_id: 'c3' }]),
  )
  await write(store, (db) => insertOutcomes(db, [{ ...outcome, value_micros: 1 }]))
  expect(await write(store, (db) => moveOutcomes(db, 'c1', 'c2'))).toBe(1)
  const rows = await store.read
    .workspace(workspace)
    .selectFrom('outcomes')
    .selectAll()
    .orderBy('outcome_id')
    .execute()
  expect(rows.map((row) => [row.outcome_id, row.customer_id, row.value_micros])).toEqual([
    ['o1', 'c2', 12_000_000],
    ['o2', 'c3', 12_000_000],
  ])
})

test('whether a goal was met asks for the customer, the campaign, the goal and the time', async () => {
  const store = await openTestStore()
  await write(store, (db) =>
    insertOutcomes(db, [outcome, { ...outcome, outcome_id: 'o2', kind: 'click', goal_id: 'visit' }]),
  )
  const asked = { customerId: 'c1', campaignId: 'spring', goalId: 'purchase', since: 1000 }
  const db = store.read.workspace(workspace)
  expect(
    await convertedSince(db, [
      { ...asked, since: 1001 },
      asked,
      { ...asked, goalId: 'visit' },
      { ...asked, campaignId: 'autumn' },
      { ...asked, customerId: 'c2' },
    ]),
  ).toEqual([false, true, false, false, false])
})
