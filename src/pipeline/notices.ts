import type { LogBatch, LogPublisher } from '#contracts/event-log.ts'
import type { WorkspaceRowOf } from '#platform/store/store.ts'
import type { WorkspaceBatch } from './workspace-batch.ts'

/** What a transaction tells other systems; docs/guides/kafka.md has the fields. */
export type Notice = Parameters<LogPublisher['publish']>[0][number]

/** The decisions and refused events that a batch has written. */
export function noticesOf({ db: { workspace }, written }: WorkspaceBatch): Notice[] {
  return [
    ...written.decisions.map((row) => decisionNotice(workspace, row)),
    ...written.rejected.map((row) => rejectedNotice(workspace, row)),
  ]
}

function decisionNotice(workspace: string, row: WorkspaceRowOf<'decisions'>): Notice {
  const body = {
    v: 1,
    workspace,
    decisionId: row.decision_id,
    customerId: row.customer_id,
    trigger: { kind: row.trigger_kind, id: row.trigger_id },
    decidedAt: row.decided_at,
    outcome: row.outcome,
    campaignId: row.campaign_id,
    campaignVersion: row.campaign_version,
    treatmentId: row.treatment_id,
    variantId: row.variant_id,
    propensity: row.propensity,
    snapshotId: row.snapshot_id,
  }
  return { to: 'decisions', key: `${workspace}\u0000${row.customer_id}`, body: JSON.stringify(body) }
}

export function rejectedNotice(workspace: string, row: WorkspaceRowOf<'rejected_events'>): Notice {
  const body = {
    v: 1,
    workspace,
    rejectedId: row.rejected_id,
    receivedAt: row.received_at,
    code: row.code,
    field: row.field,
    detail: row.detail,
    body: row.body,
  }
  return { to: 'dead-letters', key: `${workspace}\u0000${row.rejected_id}`, body: JSON.stringify(body) }
}

/** Records among the first `taken` of a batch that could not be read: their bytes are still in the log. */
export function unreadableNotices({ partition, baseOffset, records }: LogBatch, taken: number): Notice[] {
  const notices: Notice[] = []
  for (let i = 0; i < taken; i++) {
    if (records[i] !== null) continue
    const body = { v: 1, code: 'unreadable', partition, offset: baseOffset + i }
    notices.push({
      to: 'dead-letters',
      key: `unreadable\u0000${partition}.${body.offset}`,
      body: JSON.stringify(body),
    })
  }
  return notices
}
