import type { ApiErrorCode, ApiFault } from '#contracts/errors.ts'
import type { StoreTransaction, WorkspaceDb } from '#platform/store/store.ts'
import { type BroadcastRun, insertRun, isOpen, loadRun, nothingDone } from '../../campaign/broadcast-rows.ts'
import { loadStanding } from '../../campaign/campaign-rows.ts'
import { audit, type Change, type ChangeParts, moveCampaignIn } from '../change-workspace.ts'

export type StartedBroadcast =
  | { kind: 'started'; run: number; version: number; customers: number }
  | { kind: 'refused'; fault: ApiFault }

/**
 * Starts a broadcast: launches the version that waits, if one is approved, and begins a run. `again`: although
 * there was a run before; whoever got that one gets this one too.
 */
export async function startBroadcast(
  parts: ChangeParts,
  change: Change & { campaignId: string; note: string; again: boolean },
): Promise<StartedBroadcast> {
  // Counted before, since nobody else writes while this one does.
  const customers = await countCustomers(parts.store.read.workspace(change.workspace))
  return parts.store.transaction(async (tx) => {
    const { campaignId } = change
    const db = tx.workspace(change.workspace)
    const { running, waiting } = await loadStanding(db, campaignId)
    const next = waiting?.state === 'approved' ? waiting : running
    if (running === null && waiting === null)
      return refused('not_found', `there is no campaign ${campaignId}`)
    if (next !== null && !('broadcast' in next.spec.trigger))
      return refused('conflict', `${campaignId} is no broadcast: its trigger brings it about`)
    const last = await loadRun(db, campaignId)
    const fault = faultOf(campaignId, last, change.again)
    if (fault !== null) return { kind: 'refused', fault }
    let version = running?.state === 'live' && next === running ? running : null
    if (version === null) {
      const moved = await moveCampaignIn(tx, parts, { ...change, action: 'launch' })
      if (moved.kind === 'refused') return moved
      version = moved.version
    }
    const { trigger } = version.spec
    if (!('broadcast' in trigger)) throw new Error(`${campaignId} was launched as another campaign`)
    const run = await begin(tx, parts, change, { last, customers, broadcast: trigger.broadcast })
    return { kind: 'started', run: run.run, version: version.version, customers }
  })
}

function faultOf(campaignId: string, last: BroadcastRun | null, again: boolean): ApiFault | null {
  if (last === null) return null
  if (isOpen(last)) {
    const detail = `run ${last.run} of ${campaignId} is not over: resume it where it is paused, or cancel it first`
    return { code: 'conflict', detail }
  }
  if (again) return null
  const detail = `${campaignId} was started before; whoever got it would get it once more: say \`again\` where that is meant`
  return { code: 'conflict', detail, field: 'again' }
}

async function begin(
  tx: StoreTransaction,
  { clock }: ChangeParts,
  change: Change & { campaignId: string; note: string },
  {
    last,
    customers,
    broadcast,
  }: {
    last: BroadcastRun | null
    customers: number
    broadcast: { startAt?: string; atLocal?: object }
  },
): Promise<Omit<BroadcastRun, 'workspace'>> {
  const now = clock.now()
  const startsAt = broadcast.startAt === undefined ? now : Math.max(now, Date.parse(broadcast.startAt))
  const run: Omit<BroadcastRun, 'workspace'> = {
    campaign_id: change.campaignId,
    run: (last?.run ?? 0) + 1,
    state: broadcast.atLocal === undefined ? 'taking' : 'planning',
    actor: change.actor,
    started_at: now,
    starts_at: startsAt,
    customers,
    pace_from: startsAt,
    ...nothingDone,
  }
  await insertRun(tx.workspace(change.workspace), run)
  await audit(tx, change, now, 'broadcast.start', change.campaignId, change.note, { run: run.run, customers })
  return run
}

/** By the key's index alone: with those who were merged away, whom a run looks at too. */
async function countCustomers(db: WorkspaceDb): Promise<number> {
  const row = await db
    .selectFrom('customers')
    .select((eb) => eb.fn.countAll<number>().as('customers_count'))
    .executeTakeFirstOrThrow()
  return Number(row.customers_count)
}

function refused(code: ApiErrorCode, detail: string): StartedBroadcast {
  return { kind: 'refused', fault: { code, detail } }
}
