import type { Store, StoreTransaction } from '#platform/store/store.ts'
import { allowance } from '../../campaign/broadcast-pace.ts'
import { type BroadcastRun, isOpen, loadRun, openRuns, saveRun } from '../../campaign/broadcast-rows.ts'
import { dueTurns } from '../../campaign/broadcast-turns.ts'
import type { BatchParts } from '../process-batch.ts'
import type { RunningCampaign, WorkspaceContext } from '../workspace-context.ts'
import { createPageSize, type PageSize } from './page-size.ts'
import { takeCustomers } from './take-customers.ts'
import { takeTurns } from './take-turns.ts'

/** One page of one run, in its transaction. */
export interface BroadcastPage {
  tx: StoreTransaction
  context: WorkspaceContext
  campaign: RunningCampaign
  run: BroadcastRun
  now: number
  /** Most rows to read. */
  size: number
  /** Most customers to decide about. */
  takes: number
  /** Whether the transaction has lasted long enough while others wait. */
  isOver: () => boolean
}

export interface PageResult {
  run: BroadcastRun
  /** Rows read and done with. */
  rows: number
}

export interface BroadcastFeeder {
  /**
   * Takes the next page of every run of the workspace that may go on now. Resolves to the rows done with; 0:
   * nothing to do at this instant.
   */
  feed(workspace: string): Promise<number>
}

/**
 * Takes broadcasts through their audiences, a page of customers a transaction: decisions, messages and how far
 * the run has come are committed together, so a run that was killed goes on with the customer after the last.
 * One process at a time does so for a workspace; any of them may go on.
 */
export function createBroadcastFeeder(parts: BatchParts, store: Store): BroadcastFeeder {
  const pageSize = createPageSize()
  return {
    async feed(workspace) {
      const known = await parts.contexts.load(store.read, workspace)
      if (known === null || !known.hasBroadcasts) return 0
      let rows = 0
      for (const run of await openRuns(store.read.workspace(workspace))) {
        if (await hasWork(parts, store, known, run)) rows += await takePage(parts, store, run, pageSize)
      }
      return rows
    },
  }
}

/** Asked without a transaction, each second at least: most of the time a paced run waits. */
async function hasWork(
  parts: BatchParts,
  store: Store,
  context: WorkspaceContext,
  run: BroadcastRun,
): Promise<boolean> {
  const now = parts.clock.now()
  const campaign = context.campaigns.get(run.campaign_id)
  const broadcast = broadcastOf(campaign)
  if (campaign?.live !== true || broadcast === null || now < run.starts_at) return false
  if (run.state === 'planning') return true
  const { looks, takes } = allowance(run, broadcast.pace, now)
  if (looks === 0 || takes === 0) return false
  if (run.state === 'taking') return true
  const db = store.read.workspace(run.workspace)
  return (await dueTurns(db, run, now, 1)).length > 0
}

async function takePage(
  parts: BatchParts,
  store: Store,
  { workspace, campaign_id: campaignId }: BroadcastRun,
  pageSize: PageSize,
): Promise<number> {
  const startedMs = parts.steadyNowMs()
  let crowded = false
  const rows = await store.transaction(async (tx) => {
    const db = tx.workspace(workspace)
    // Another worker is at it.
    if (!(await db.tryLock('broadcasts'))) return 0
    const context = await parts.contexts.load(tx, workspace)
    const campaign = context?.campaigns.get(campaignId)
    const broadcast = broadcastOf(campaign)
    const run = await loadRun(db, campaignId)
    if (context === null || campaign?.live !== true || broadcast === null) return 0
    if (run === null || !isOpen(run)) return 0
    const now = parts.clock.now()
    const pace = run.state === 'planning' ? undefined : broadcast.pace
    const { looks, takes, from } = allowance(run, pace, now)
    if (looks === 0 || takes === 0) return 0
    const isOver = (): boolean => {
      if (!tx.othersWait() || parts.steadyNowMs() - startedMs <= parts.batchMaxMs) return false
      crowded = true
      return true
    }
    const paced = { ...run, pace_from: from.at, pace_looked: from.looked, pace_taken: from.taken }
    const size = Math.min(pageSize.now(), looks)
    const page: BroadcastPage = { tx, context, campaign, run: paced, now, size, takes, isOver }
    const result = await (run.state === 'waiting' ? takeTurns : takeCustomers)(parts, page)
    await saveRun(db, run, result.run)
    return result.rows
  })
  pageSize.took(crowded)
  return rows
}

export function broadcastOf(campaign: RunningCampaign | undefined) {
  const trigger = campaign?.version.spec.trigger
  return trigger !== undefined && 'broadcast' in trigger ? trigger.broadcast : null
}
