import { expect, it } from 'vitest'
import type { WorkspaceRowOf } from '#platform/store/store.ts'
import { campaign, createRows, ENTERED_AT, insert, newStore, report, WORKSPACE } from './support.ts'

const decision = (
  id: string,
  customer: string,
  outcome: string,
  campaignId: string,
  excluded: object,
  at = ENTERED_AT,
) =>
  ({
    day_utc: 1,
    decision_id: id,
    customer_id: customer,
    trigger_kind: 'event',
    trigger_id: id,
    decided_at: at,
    outcome,
    campaign_id: campaignId,
    campaign_version: 1,
    treatment_id: '',
    variant_id: '',
    propensity: 1,
    snapshot_id: '',
    excluded_json: JSON.stringify(excluded),
    record: new Uint8Array(),
  }) satisfies WorkspaceRowOf<'decisions'>

const message = (
  id: string,
  customer: string,
  state: 'sent' | 'failed' | 'unknown' | 'queued',
  campaignId = 'welcome',
) =>
  ({
    message_id: id,
    decision_id: `decision-${id}`,
    decision_day_utc: 1,
    customer_id: customer,
    campaign_id: campaignId,
    campaign_version: 1,
    treatment_id: 'coffee/email',
    variant_id: 'v',
    channel: 'email',
    address: `${customer}@example.com`,
    state,
    reason: '',
    transactional: 0,
    cost_micros: 7500,
    created_at: ENTERED_AT,
    due_at: ENTERED_AT,
    expires_at: ENTERED_AT,
    sending_at: null,
    state_at: ENTERED_AT,
    attempts: 0,
    context_json: '{}',
    lease_owner: '',
    lease_until: 0,
  }) satisfies WorkspaceRowOf<'messages'>

const click = (id: string, customer: string, messageId: string, kind = 'click') =>
  ({
    day_utc: 1,
    outcome_id: id,
    customer_id: customer,
    kind,
    campaign_id: '',
    goal_id: '',
    event_id: id,
    message_id: messageId,
    value_micros: 0,
    occurred_at: ENTERED_AT + 1,
  }) satisfies WorkspaceRowOf<'outcomes'>

it('counts decisions, exclusions, messages, clicks and cost of the campaign alone', async () => {
  const { store, dispose } = await newStore()
  const made = createRows()
  for (const id of ['a', 'b', 'c']) made.enter(id, id === 'c')
  try {
    await insert(store, made.rows)
    await store.transaction(async (tx) => {
      const db = tx.workspace(WORKSPACE)
      await db.bulkInsert(
        'decisions',
        [
          decision('d0', 'a', 'treatment', 'welcome', {}, ENTERED_AT - 1),
          decision('d1', 'a', 'treatment', 'welcome', { consent: 1 }),
          decision('d2', 'b', 'treatment', 'other', { consent: 2, 'frequency-cap': 1 }),
          decision('d3', 'b', 'nothing', '', {}),
          decision('d4', 'c', 'held-out', '', { holdout: 3 }),
          decision('d5', 'stranger', 'treatment', 'welcome', {}),
        ],
        'fail',
      )
      await db.bulkInsert(
        'messages',
        [
          message('m1', 'a', 'sent'),
          message('m2', 'a', 'sent'),
          message('m3', 'b', 'unknown'),
          message('m4', 'b', 'failed'),
          message('m5', 'b', 'sent', 'other'),
          message('m6', 'b', 'queued'),
        ],
        'fail',
      )
      await db.bulkInsert(
        'outcomes',
        [
          click('k1', 'a', 'm1'),
          click('k2', 'a', 'm1'),
          click('k3', 'a', 'm2'),
          click('k4', 'b', 'm5'),
          click('k5', 'a', 'm2', 'suspected-click'),
          click('k6', 'a', 'm2', 'open'),
        ],
        'fail',
      )
    })
    const { funnel } = await report(store, campaign())
    expect(funnel).toEqual({
      decisions: { treatment: 1, 'treatment-elsewhere': 1, nothing: 1, 'held-out': 1 },
      exclusions: { consent: 3, 'frequency-cap': 1, holdout: 3 },
      messages: { sent: 2, unknown: 1, failed: 1, queued: 1 },
      sentByTreatment: { 'coffee/email': 2 },
      clicks: 3,
      messagesClicked: 2,
      costMicros: 22_500,
    })
  } finally {
    await dispose()
  }
})
