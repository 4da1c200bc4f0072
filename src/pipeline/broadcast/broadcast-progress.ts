import type { Broadcast } from '#contracts/broadcast.ts'
import type { CampaignState } from '#contracts/campaign.ts'
import type { MessageState } from '#contracts/message.ts'
import type { StoreScope, WorkspaceDb } from '#platform/store/store.ts'
import { expectedEnd } from '../../campaign/broadcast-pace.ts'
import { type BroadcastRun, isOpen, loadRun } from '../../campaign/broadcast-rows.ts'
import { countTurns } from '../../campaign/broadcast-turns.ts'
import { loadCampaign } from '../../campaign/campaign-rows.ts'

/** How far the newest run of a broadcast has come. */
export interface BroadcastProgress {
  campaignId: string
  run: number
  state: 'scheduled' | 'running' | 'paused' | 'done' | 'cancelled'
  actor: string
  startedAt: number
  startsAt: number
  /** When the last customer was decided about, or the run cancelled. */
  endedAt: number | null
  /** All there were at the start, and how many of them were looked at. */
  customers: number
  looked: number
  audience: {
    /** Found among those looked at. */
    counted: number
    /** Of all, as those looked at let expect; the same once all were. */
    expected: number
    /** At a local time: whose time has not come. */
    waiting: number
  }
  decided: number
  queued: number
  heldOut: number
  /** By guardrails, or for lack of what a template needs. */
  refused: number
  /** The policy drew that nothing is said. */
  nothing: number
  /** Messages of the run by what has become of them. */
  messages: Partial<Record<MessageState, number>>
  /** When the last one will have been decided about, at this pace; null while nothing tells, and in a pause. */
  expectedEndAt: number | null
  /** When what is queued now will have been sent, as fast as it went so far; null while nothing tells. */
  expectedSentAt: number | null
}

/** Null where the campaign was never started. */
export async function broadcastProgress(
  scope: StoreScope,
  workspace: string,
  campaignId: string,
  now: number,
): Promise<BroadcastProgress | null> {
  const db = scope.workspace(workspace)
  const run = await loadRun(db, campaignId)
  const campaign = run === null ? null : await loadCampaign(db, campaignId)
  if (run === null || campaign === null) return null
  const { trigger } = campaign.spec
  const broadcast = 'broadcast' in trigger ? trigger.broadcast : {}
  const turns = broadcast.atLocal === undefined ? { waiting: 0, lastAt: null } : await countTurns(db, run)
  const state = stateOf(run, campaign.state, now)
  const messages = await messagesSince(db, run)
  const isLookedThrough = run.state !== 'planning' && run.state !== 'taking'
  return {
    campaignId,
    run: run.run,
    state,
    actor: run.actor,
    startedAt: run.started_at,
    startsAt: run.starts_at,
    endedAt: run.ended_at,
    customers: run.customers,
    looked: run.looked,
    audience: {
      counted: run.audience,
      expected: isLookedThrough ? run.audience : expectedAudience(run),
      waiting: isOpen(run) ? turns.waiting : 0,
    },
    decided: run.queued + run.held_out + run.refused + run.undrawn,
    queued: run.queued,
    heldOut: run.held_out,
    refused: run.refused,
    nothing: run.undrawn,
    messages,
    expectedEndAt:
      state === 'running' || state === 'scheduled' ? endOf(run, broadcast, turns.lastAt, now) : null,
    expectedSentAt: campaign.state === 'live' ? sentAt(run, messages, now) : null,
  }
}

function stateOf(run: BroadcastRun, campaign: CampaignState, now: number): BroadcastProgress['state'] {
  if (run.state === 'done' || run.state === 'cancelled') return run.state
  if (campaign === 'paused') return 'paused'
  return now < run.starts_at ? 'scheduled' : 'running'
}

function endOf(
  run: BroadcastRun,
  { pace, atLocal }: Broadcast,
  lastTurnAt: number | null,
  now: number,
): number | null {
  if (atLocal === undefined) return expectedEnd(run, pace, now)
  // The last zone is known when everybody has their turn.
  if (run.state === 'planning' || lastTurnAt === null) return null
  return Math.max(now, lastTurnAt)
}

function sentAt(
  { starts_at: startsAt }: BroadcastRun,
  { queued = 0, sent = 0 }: BroadcastProgress['messages'],
  now: number,
): number | null {
  if (queued === 0 || sent === 0 || now <= startsAt) return null
  return now + Math.ceil((queued / sent) * (now - startsAt))
}

function expectedAudience({ looked, audience, customers }: BroadcastRun): number {
  return looked === 0 ? 0 : Math.round((audience * Math.max(customers, looked)) / looked)
}

/** The campaign's messages since the run began: of the first run all, which the index alone counts. */
async function messagesSince(db: WorkspaceDb, run: BroadcastRun): Promise<BroadcastProgress['messages']> {
  const all = db
    .selectFrom('messages')
    .select((eb) => ['messages.state', eb.fn.countAll<number>().as('messages_count')])
    .where('messages.campaign_id', '=', run.campaign_id)
    .groupBy('messages.state')
  const own = run.run === 1 ? all : all.where('messages.created_at', '>=', run.started_at)
  return Object.fromEntries((await own.execute()).map((row) => [row.state, Number(row.messages_count)]))
}
