import type { Clock } from '#contracts/clock.ts'
import type { MessageState } from '#contracts/message.ts'
import type { WorkspaceSettings } from '#contracts/workspace.ts'
import type { Store } from '#platform/store/store.ts'
import { countDeadLetters } from '../action/dead-letters.ts'
import { countMessages } from '../action/message-rows.ts'
import { listProviderStates, type ProviderStatus } from '../action/provider-state-rows.ts'
import { type WaitingLine, waitingLines } from '../action/waiting.ts'
import { loadRunningCampaigns } from '../campaign/campaign-rows.ts'
import { loadWorkspace } from '../campaign/workspaces.ts'

export interface WorkspaceStatus {
  settings: WorkspaceSettings
  messages: Record<MessageState, number>
  /** Refused events that nobody has replayed. */
  rejectedEvents: number
  liveCampaigns: string[]
  providers: ProviderStatus[]
  waiting: WaitingLine[]
  /** Messages that failed for good and that nobody has looked at. */
  deadLetters: number
}

/** Where a workspace stands, of one look at the store; null when there is no such workspace. */
export async function workspaceStatus(
  { store, wallClock }: { store: Store; wallClock: Clock },
  workspace: string,
): Promise<WorkspaceStatus | null> {
  return store.snapshot(async (scope) => {
    const settings = await loadWorkspace(scope, workspace)
    if (settings === null) return null
    const db = scope.workspace(workspace)
    const rejected = await db
      .selectFrom('rejected_events')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('rejected_events.replayed_at', 'is', null)
      .executeTakeFirstOrThrow()
    const live = await loadRunningCampaigns(db)
    return {
      settings,
      messages: { ...none, ...(await countMessages(db)) },
      rejectedEvents: Number(rejected.count),
      liveCampaigns: live.map(({ campaignId }) => campaignId),
      providers: await listProviderStates(scope, wallClock.now()),
      waiting: await waitingLines(db),
      deadLetters: await countDeadLetters(db),
    }
  })
}

const none = { queued: 0, sending: 0, sent: 0, failed: 0, unknown: 0, lapsed: 0 }
