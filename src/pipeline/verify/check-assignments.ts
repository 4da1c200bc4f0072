import type { RowOf, Store, WorkspaceDb } from '#platform/store/store.ts'
import { loadCampaignHistory } from '../../campaign/campaign-rows.ts'
import { globalHoldoutId } from '../customer-facts.ts'
import { lastMerges } from './check-caps.ts'
import { type CheckResult, difference } from './difference.ts'
import { eachPage } from './pages.ts'

/** Nobody held out got anything; arms are those of the experiment; a customer merged away is in nothing. */
export async function checkAssignments(store: Store, workspace: string): Promise<CheckResult> {
  const result: CheckResult = { checked: 0, differences: [] }
  const arms = await loadArms(store.read.workspace(workspace))
  const mergedAt = await lastMerges(store.read.workspace(workspace))
  await eachPage(store, workspace, 'customers', async (customers, db) => {
    const ids = customers.map((row) => row.customer_id)
    const assignments = await db
      .selectByKeys('assignments', 'customer_id', ids)
      .selectAll('assignments')
      .execute()
    const sends = Map.groupBy(await loadSends(db, ids), (row) => row.customer_id)
    const away = new Set(customers.filter((row) => row.merged_into !== null).map((row) => row.customer_id))
    for (const assignment of assignments) {
      const { campaign_id, customer_id, arm } = assignment
      result.checked += 1
      const note = (id: string, detail: string) =>
        result.differences.push(difference('assignments', id, detail))
      if (away.has(customer_id)) note(customer_id, `was merged away and is still in ${campaign_id}`)
      if (arm !== '' && arms.get(campaign_id)?.has(arm) !== true) {
        note(customer_id, `is in arm ${arm} of ${campaign_id}, which has no such arm`)
      }
      const since = Math.max(assignment.entered_at, mergedAt.get(customer_id) ?? 0)
      for (const send of sentTo(assignment, sends.get(customer_id) ?? [], since)) {
        note(send.message_id, `was sent to ${customer_id}, who is held out of ${campaign_id}`)
      }
    }
  })
  return result
}

type Send = Pick<RowOf<'messages'>, 'message_id' | 'customer_id' | 'campaign_id' | 'sending_at'>

function sentTo(assignment: RowOf<'assignments'>, sends: Send[], since: number): Send[] {
  if (assignment.held_out === 0) return []
  const { campaign_id } = assignment
  return sends.filter(
    (send) =>
      (campaign_id === globalHoldoutId || send.campaign_id === campaign_id) && (send.sending_at ?? 0) > since,
  )
}

async function loadSends(db: WorkspaceDb, customerIds: string[]): Promise<Send[]> {
  return db
    .selectByKeys('messages', 'customer_id', customerIds)
    .select(['messages.message_id', 'messages.customer_id', 'messages.campaign_id', 'messages.sending_at'])
    .where('messages.state', 'in', ['sending', 'sent', 'unknown'])
    .where('messages.transactional', '=', 0)
    .execute()
}

async function loadArms(db: WorkspaceDb): Promise<Map<string, Set<string>>> {
  const ids = await db
    .selectFrom('campaign_versions')
    .select('campaign_versions.campaign_id')
    .distinct()
    .execute()
  const arms = new Map<string, Set<string>>()
  for (const { campaign_id } of ids) {
    const history = await loadCampaignHistory(db, campaign_id)
    const own = history.flatMap(({ spec }) =>
      spec.policy.kind === 'fixed-split' ? spec.policy.experiment.arms.map(({ id }) => id) : [],
    )
    arms.set(campaign_id, new Set(own))
  }
  return arms
}
