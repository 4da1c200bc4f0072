import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { loadCampaignVersion } from '../campaign/campaign-rows.ts'
import type { CampaignVersions } from '../campaign/campaign-versions.ts'
import { insertExposures } from '../learning/exposure-rows.ts'
import { settlesAt } from '../learning/settling.ts'
import { goalWindowMs } from './follow-decision.ts'

/**
 * A message counts as seen when it is `sent`: in the transaction that says so, the learner's window opens
 * for the treatment that was drawn.
 */
export async function openExposures(
  db: WorkspaceDb,
  messages: RowOf<'messages'>[],
  now: number,
  versions: CampaignVersions = { load: loadCampaignVersion },
): Promise<void> {
  const decided = messages.filter((message) => message.transactional === 0)
  const rows = []
  for (const [campaignId, own] of Map.groupBy(decided, (message) => message.campaign_id)) {
    for (const [version, same] of Map.groupBy(own, (message) => message.campaign_version)) {
      const goal = (await versions.load(db, campaignId, version))?.spec.goal
      if (goal === undefined) continue
      for (const message of same) {
        rows.push({
          decision_id: message.decision_id,
          campaign_id: campaignId,
          customer_id: message.customer_id,
          goal_id: goal.id,
          head: message.treatment_id,
          decision_day_utc: message.decision_day_utc,
          exposed_at: now,
          window_ends_at: now + goalWindowMs({ goal }),
          settles_at: settlesAt(now, goalWindowMs({ goal })),
          state: 'open' as const,
        })
      }
    }
  }
  if (rows.length > 0) await insertExposures(db, rows)
}
