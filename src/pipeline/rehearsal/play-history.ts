import { setImmediate as nextTurn } from 'node:timers/promises'
import type { EngagementPayload, LogRecord } from '#contracts/event.ts'
import type { SteppedClock } from '#platform/clock/stepped-clock.ts'
import type { Store } from '#platform/store/store.ts'
import { type BroadcastRun, nothingDone } from '../../campaign/broadcast-rows.ts'
import { loadJourneysById } from '../../campaign/journey-rows.ts'
import { updateWorkspace } from '../../campaign/workspaces.ts'
import { insertRanks } from '../../decision/decision-rank-rows.ts'
import { setConsents } from '../../profile/consent-rows.ts'
import { loadCustomers } from '../../profile/customer-rows.ts'
import { unsuppress } from '../../profile/suppression-rows.ts'
import { openBroadcastBatch } from '../broadcast/decide-broadcast.ts'
import { settleThese } from '../cadence/fire-journeys.ts'
import { type BatchParts, processBatch } from '../process-batch.ts'
import { startSchedules } from '../schedule-timers.ts'
import { touchWorkspace } from '../workspace-context.ts'
import { customerOf, type Due, fire, idOf } from './fire-due.ts'
import { createFreeRun } from './free-run.ts'
import type { HistoryFacts } from './read-history.ts'
import type { RecordedContexts } from './recorded-contexts.ts'
import type { HistoryItem, RecordedTransition, Recording } from './recording.ts'
import type { SimulatedSender } from './simulated-sender.ts'

export interface HistoryPlay {
  store: Store
  workspace: string
  clock: SteppedClock
  recording: Recording
  facts: HistoryFacts
  contexts: RecordedContexts
  sender: SimulatedSender
  batchParts: BatchParts
  /** What differs from history: applied at that instant, before what happened in it. */
  change?: {
    at: number
    apply(): Promise<void>
    /** Versions from later on that the change takes the place of. */
    replaces(item: Extract<HistoryItem, { kind: 'document' | 'campaign' }>): boolean
    replacesCampaign(campaignId: string): boolean
  }
  onProgress(done: number, total: number): void
}

const batchRecords = 500

/** Plays recorded history in a scratch store: the pipeline is the real one, time and order are the recording's. */
export async function playHistory(play: HistoryPlay): Promise<{ snapshotsGone: ReadonlySet<string> }> {
  const { store, clock, recording, contexts, sender, batchParts, change } = play
  const snapshotsGone = new Set<string>()
  const changed = () => change !== undefined && clock.now() >= change.at
  const alone = createFreeRun(play, changed)
  let events: { record: LogRecord; snapshotId: string | null }[] = []
  let transitions: { sequence: number; own: RecordedTransition[] } = { sequence: 0, own: [] }
  let hasChanged = change === undefined
  let done = 0

  const useSnapshot = async (id: string | null): Promise<void> => {
    if (id !== null && !(await contexts.use(id))) snapshotsGone.add(id)
  }
  const flushEvents = async (): Promise<void> => {
    const batch = events
    events = []
    const snapshotId = batch.find((own) => own.snapshotId !== null)?.snapshotId ?? null
    await useSnapshot(snapshotId)
    let records = batch.map(({ record }) => record)
    while (records.length > 0) {
      const taking = records
      const { taken, forwards } = await store.transaction(
        (tx) =>
          processBatch(batchParts, tx, {
            partition: 0,
            fromOffset: 0,
            baseOffset: 0,
            nextOffset: taking.length,
            records: taking,
          }),
        { durable: 'later' },
      )
      const moved = forwards.map(({ body }) => JSON.parse(body) as LogRecord)
      records = [...moved, ...records.slice(taken)]
    }
  }
  const flushTransitions = async (): Promise<void> => {
    const { own } = transitions
    transitions = { sequence: 0, own: [] }
    if (own.length === 0) return
    const judged = own.filter(isGates)
    if (judged.length > 0)
      await sender.claim(
        judged.map(({ messageId }) => messageId),
        changed(),
      )
    const told = own.filter((transition) => !isGates(transition))
    if (told.length > 0) await sender.follow(told)
  }
  const flush = async (): Promise<void> => {
    if (events.length > 0) await flushEvents()
    await flushTransitions()
  }

  for (const { at, item } of recording.items()) {
    done += 1
    if (at > clock.now()) {
      await flush()
      if (!hasChanged && change !== undefined && at >= change.at) {
        await alone.runUntil(change.at)
        clock.stepTo(Math.max(clock.now(), change.at))
        hasChanged = true
        await change.apply()
      }
      await alone.runUntil(at)
      clock.stepTo(Math.max(clock.now(), at))
      play.onProgress(done, recording.count)
      if (done % 64 === 0) await nextTurn()
    }
    if (item.kind === 'event') {
      await flushTransitions()
      if (changed() && !(await couldHappen(play, item.record))) continue
      const snapshotId = recording.snapshotOfEvent(item.record.eventId)
      const before = events.findLast((own) => own.snapshotId !== null)?.snapshotId
      const isOther = snapshotId !== null && before !== undefined && before !== null && before !== snapshotId
      if (isOther || events.length >= batchRecords) await flushEvents()
      events.push({ record: item.record, snapshotId })
      continue
    }
    if (events.length > 0) await flushEvents()
    if (item.kind === 'transition') {
      const { transition } = item
      if (transition.sequence !== transitions.sequence) await flushTransitions()
      transitions.sequence = transition.sequence
      transitions.own.push(transition)
      continue
    }
    await flushTransitions()
    if (item.kind === 'round') await playRound(play, item.round, useSnapshot)
    else await playFact(play, item, changed())
  }
  await flush()
  if (!hasChanged && change !== undefined) {
    clock.stepTo(Math.max(clock.now(), change.at))
    await change.apply()
  }
  return { snapshotsGone }
}

/** Guardrails and whatever else the gate itself lets a message wait or lapse for; others were told of it. */
const gatesOwn =
  /^([a-z-]+:.*|expired|customer_gone|campaign_gone|template_gone|no_facts|no_coupon|coupon_limit)$/
/** Providers, and a catalogue that is not as it was then. */
const othersOwn = /^(waiting|down|delivered|provider): |^in-stock:/

function isGates({ state, reason }: RecordedTransition): boolean {
  if (state === 'sending') return true
  if (state !== 'queued' && state !== 'lapsed') return false
  return gatesOwn.test(reason) && !othersOwn.test(reason)
}

/** Nobody clicks on what was not sent. */
async function couldHappen(
  { store, workspace }: HistoryPlay,
  { kind, payload }: LogRecord,
): Promise<boolean> {
  if (kind !== 'click' && kind !== 'open') return true
  const { messageId } = payload as EngagementPayload
  const row = await store.read
    .workspace(workspace)
    .selectFrom('messages')
    .select('messages.state')
    .where('messages.message_id', '=', messageId)
    .executeTakeFirst()
  return row !== undefined && row.state !== 'queued' && row.state !== 'lapsed'
}

type Round = Extract<HistoryItem, { kind: 'round' }>['round']

async function playRound(
  play: HistoryPlay,
  { kind, subjects }: Round,
  useSnapshot: (id: string | null) => Promise<void>,
): Promise<void> {
  const { store, workspace, recording, clock, batchParts } = play
  const now = clock.now()
  if (kind === 'schedules') {
    while ((await startSchedules(batchParts, store, workspace)) > 0);
    return
  }
  if (kind === 'broadcast') return playBroadcastPage(play, subjects, useSnapshot)
  const db = store.read.workspace(workspace)
  if (kind === 'settled') {
    await store.transaction(async (tx) => {
      const context = await batchParts.contexts.load(tx, workspace)
      if (context !== null) await settleThese(batchParts, tx, context, subjects, now)
    })
    return
  }
  const due =
    kind === 'timers'
      ? await db
          .selectByKeys('timers', 'timer_id', subjects)
          .selectAll('timers')
          .where('timers.due_at', '<=', now)
          .orderBy('timers.due_at')
          .orderBy('timers.timer_id')
          .execute()
      : [...(await loadJourneysById(db, subjects)).values()].filter(
          ({ dueAt }) => dueAt !== null && dueAt <= now,
        )
  const place = new Map(subjects.map((id, index) => [id, index]))
  const ordered = (due as Due[]).toSorted((a, b) => (place.get(idOf(a)) ?? 0) - (place.get(idOf(b)) ?? 0))
  const bySnapshot = Map.groupBy(ordered, (own) => recording.snapshotAt(customerOf(own), now))
  for (const [snapshotId, own] of bySnapshot) {
    await useSnapshot(snapshotId)
    await fire(play, own)
  }
}

/** A page of a broadcast: the customers whom it decided about, in their order. */
async function playBroadcastPage(
  { store, workspace, clock, batchParts, recording, change }: HistoryPlay,
  [campaignId = '', run = '', startedAt = '', ...taken]: readonly string[],
  useSnapshot: (id: string | null) => Promise<void>,
): Promise<void> {
  const now = clock.now()
  if (change !== undefined && now >= change.at && change.replacesCampaign(campaignId)) return
  const ids = taken.filter((own) => !own.startsWith('{'))
  await useSnapshot(ids.map((id) => recording.snapshotAt(id, now)).find((id) => id !== null) ?? null)
  await store.transaction(
    async (tx) => {
      const context = await batchParts.contexts.load(tx, workspace)
      const campaign = context?.campaigns.get(campaignId)
      if (context === null || campaign === undefined) return
      const customers = await loadCustomers(tx.workspace(workspace), ids)
      const own = {
        ...noRun,
        workspace,
        campaign_id: campaignId,
        run: Number(run),
        started_at: Number(startedAt),
      }
      const page = { tx, context, campaign, run: own, now }
      const batch = await openBroadcastBatch(batchParts, page, [...customers.values()])
      let properties: Record<string, string> = {}
      for (const each of taken) {
        if (each.startsWith('{')) properties = JSON.parse(each) as typeof properties
        else if (customers.has(each)) batch.decide(customers.get(each)!, properties)
      }
      await batch.write()
    },
    { durable: 'later' },
  )
}

/** Nobody looks at how far a rehearsed run has come. */
const noRun: Omit<BroadcastRun, 'workspace' | 'campaign_id' | 'run' | 'started_at'> = {
  state: 'taking',
  actor: '',
  starts_at: 0,
  customers: 0,
  pace_from: 0,
  ...nothingDone,
}

type Fact = Exclude<HistoryItem, { kind: 'event' | 'round' | 'transition' }>

async function playFact(play: HistoryPlay, item: Fact, changed: boolean): Promise<void> {
  const { store, workspace, clock, change } = play
  const isVersion = item.kind === 'document' || item.kind === 'campaign'
  if (isVersion && changed && change?.replaces(item) === true) return
  await store.transaction(
    async (tx) => {
      const db = tx.workspace(workspace)
      const now = clock.now()
      switch (item.kind) {
        case 'document':
          await db.bulkInsert('documents', [item.row], 'ignore')
          return touchWorkspace(tx, workspace)
        case 'campaign':
          await db.bulkInsert('campaign_versions', [item.row], 'ignore')
          return touchWorkspace(tx, workspace)
        case 'settings': {
          const { country, ...settings } = item.settings
          await updateWorkspace(tx, workspace, { ...settings, ...(country === null ? {} : { country }) })
          return touchWorkspace(tx, workspace)
        }
        case 'consent': {
          const { customer_id: customerId, channel, topic, state, source } = item.row
          const choice = { channel, state, ...(topic === '' ? {} : { topic }) }
          return setConsents(db, {
            customerId,
            choices: [choice as Parameters<typeof setConsents>[1]['choices'][number]],
            proof: { source },
            now,
          })
        }
        case 'suppression':
          await db.bulkInsert('suppressions', [item.row], 'ignore')
          return
        case 'unsuppression':
          await unsuppress(db, item as Parameters<typeof unsuppress>[1])
          return
        case 'endpoint':
          await db.bulkInsert('endpoints', [item.row], 'ignore')
          return
        case 'endpoint-gone':
          await db
            .updateTable('endpoints')
            .set({ gone_at: now, gone_reason: item.reason })
            .where('endpoints.endpoint_id', '=', item.endpointId)
            .execute()
          return
        case 'given':
          await insertRanks(db, item.ranks)
          await db.bulkInsert('assignments', item.assignments, 'ignore')
          return
        case 'message': {
          await db.bulkInsert('messages', [item.row], 'ignore')
          const first = { message_id: item.row.message_id, sequence: 1, state: 'queued', reason: '', at: now }
          await db.bulkInsert('message_transitions', [first], 'ignore')
          return
        }
      }
    },
    { durable: 'later' },
  )
}
