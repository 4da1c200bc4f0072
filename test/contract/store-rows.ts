import type { WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'

/** Customer ids, sorted. */
export async function ids(db: WorkspaceDb): Promise<string[]> {
  const rows = await db.selectFrom('customers').select('customer_id').orderBy('customer_id').execute()
  return rows.map((row) => row.customer_id)
}

export function customer(id: string, version = 1): WorkspaceRowOf<'customers'> {
  return { customer_id: id, version, merged_into: null, profile_json: '{}', updated_at: 0 }
}

export function message(id: string, fields: Partial<WorkspaceRowOf<'messages'>>): WorkspaceRowOf<'messages'> {
  return {
    message_id: id,
    decision_id: 'd',
    decision_day_utc: 0,
    customer_id: 'c',
    campaign_id: 'k',
    campaign_version: 1,
    treatment_id: 't',
    variant_id: 'v',
    channel: 'email',
    address: 'a@b.c',
    state: 'queued',
    reason: '',
    transactional: 0,
    cost_micros: 0,
    created_at: 0,
    due_at: 0,
    expires_at: 0,
    sending_at: null,
    state_at: 0,
    attempts: 0,
    context_json: '{}',
    lease_owner: '',
    lease_until: 0,
    ...fields,
  }
}
