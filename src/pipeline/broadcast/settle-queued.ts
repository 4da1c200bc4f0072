import type { Store, WorkspaceDb } from '#platform/store/store.ts'
import { hasQueued, lapseQueued, wakeQueued } from '../../action/queued-of-campaign.ts'
import { dropTurns, hasTurnsOf } from '../../campaign/broadcast-turns.ts'
import type { BatchParts } from '../process-batch.ts'
import type { RunningCampaign } from '../workspace-context.ts'

export interface QueuedSettler {
  /** Resolves to the messages that changed; 0: nothing is left to do. */
  settle(workspace: string): Promise<number>
}

const messagesPerTransaction = 200

/**
 * What a campaign's end or its going on means for the messages that are queued: they lapse, or they are asked
 * again at once. Both would come without it, each when it is due next; the claim asks in any case. Every
 * process looks once at every version that it meets, and all of them after a start.
 */
export function createQueuedSettler(
  parts: Pick<BatchParts, 'contexts' | 'clock'>,
  store: Store,
): QueuedSettler {
  /** By workspace, of each campaign the version that was settled. */
  const settled = new Map<string, Map<string, number>>()
  return {
    async settle(workspace) {
      const context = await parts.contexts.load(store.read, workspace)
      if (context === null) return 0
      const known = settled.get(workspace) ?? new Map<string, number>()
      settled.set(workspace, known)
      for (const campaign of context.campaigns.values()) {
        const { campaignId, version } = campaign.version
        if (known.get(campaignId) === version) continue
        const changed = await settlePage(parts, store, workspace, campaign)
        if (changed > 0) return changed
        known.set(campaignId, version)
      }
      return 0
    },
  }
}

async function settlePage(
  { clock }: Pick<BatchParts, 'clock'>,
  store: Store,
  workspace: string,
  { version: { campaignId, state, version } }: RunningCampaign,
): Promise<number> {
  const now = clock.now()
  const read = store.read.workspace(workspace)
  const isLeft =
    state === 'ended'
      ? (await hasQueued(read, campaignId, 'all')) || (await hasTurnsOf(read, campaignId))
      : state === 'live' && (await hasQueued(read, campaignId, { putOffAt: now }))
  if (!isLeft) return 0
  const work = (db: WorkspaceDb, limit: number): Promise<number> =>
    state === 'ended' ? endPage(db, campaignId, now, limit) : wakeQueued(db, campaignId, now, limit)
  return store.transaction(async (tx) => {
    const db = tx.workspace(workspace)
    await db.lock('configuration', 'shared')
    // It may have been launched again meanwhile.
    const newest = await db
      .selectFrom('campaign_versions')
      .select((eb) => eb.fn.max<number>('campaign_versions.version').as('newest'))
      .where('campaign_versions.campaign_id', '=', campaignId)
      .where('campaign_versions.state', 'in', ['live', 'paused', 'ended'])
      .executeTakeFirst()
    return Number(newest?.newest ?? 0) === version ? work(db, messagesPerTransaction) : 0
  })
}

async function endPage(db: WorkspaceDb, campaignId: string, now: number, limit: number): Promise<number> {
  const lapsed = await lapseQueued(db, campaignId, { reason: 'campaign-state:campaign_ended', now, limit })
  return lapsed > 0 ? lapsed : dropTurns(db, campaignId, limit)
}
