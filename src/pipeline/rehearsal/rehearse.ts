import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSteppedClock } from '#platform/clock/stepped-clock.ts'
import { openStore } from '#platform/store/open-store.ts'
import type { RowOf, Store } from '#platform/store/store.ts'
import { withoutWorkspace } from '#platform/store/without-workspace.ts'
import { createGuardrailRunner } from '../../guardrails/run/evaluate.ts'
import { loadGuardrails } from '../../guardrails/run/load-guardrails.ts'
import type { EventCatalogue } from '../../ingest/catalogue/event-catalogue.ts'
import type { BatchParts } from '../process-batch.ts'
import { type Comparison, compareDecisions } from './compare-decisions.ts'
import { copyItems } from './copy-items.ts'
import { copyPools } from './copy-pools.ts'
import { playHistory } from './play-history.ts'
import { type Prediction, predictOutcomes } from './predict-outcome.ts'
import { type HistoryFacts, readHistory } from './read-history.ts'
import { createRecordedContexts } from './recorded-contexts.ts'
import { createRecording } from './recording.ts'
import { createSimulatedSender } from './simulated-sender.ts'
import { type Tally, tally } from './tally.ts'
import { type Wish, wishedChange } from './wished-change.ts'

export interface RehearsalRequest {
  workspace: string
  /** The last so many days of history are reported; all of it is played. */
  days: number
  /** What is to be different; left out: nothing. */
  wish?: Wish
}

export interface RehearsalParts {
  store: Store
  /** By the injected clock: history ends here. */
  now: number
  settings: { triggerMaxAgeMs: number; mailFrom: string }
  onProgress?: (progress: RehearsalProgress) => void
}

export interface RehearsalProgress {
  stage: 'reading' | 'playing' | 'counting'
  done: number
  total: number
}

export interface Rehearsal {
  kind: 'rehearsal'
  /** `history`: as it was, or with what was to be different. `simulation`: of a planted shop, of nobody real. */
  over: 'history' | 'simulation'
  changed: boolean
  since: number
  until: number
  /** Null in a simulation: there was nothing before. */
  recorded: Tally | null
  rehearsed: Tally
  /** Of decisions as they were made; null where something was to be different. */
  exact: Comparison | null
  predictions: Prediction[]
  /** What stands against taking this for what was or would have been. */
  notes: string[]
}

export type RehearsalResult = Rehearsal | { kind: 'refused'; detail: string }

/**
 * Plays the workspace's recorded history in a store of its own, in a folder that is removed afterwards. It reads
 * the live store, writes nothing there and sends nothing.
 */
export async function rehearse(parts: RehearsalParts, request: RehearsalRequest): Promise<RehearsalResult> {
  const { store, onProgress = () => undefined } = parts
  const { workspace } = request
  const folder = mkdtempSync(join(tmpdir(), 'starling-rehearsal-'))
  const recording = createRecording(join(folder, 'recording.db'))
  try {
    onProgress({ stage: 'reading', done: 0, total: 1 })
    const facts = await store.snapshot(async (scope) =>
      readHistory(scope.workspace(workspace), recording, await roundsSince(store, workspace)),
    )
    const firstAt = recording.firstAt()
    if (firstAt === null)
      return { kind: 'refused', detail: 'nothing is recorded yet: --simulated plays a shop' }
    const until = Math.max(parts.now, firstAt) + 1
    const since = Math.max(firstAt, until - request.days * 86_400_000)
    const scratch = await openStore({ file: join(folder, 'store.db') })
    try {
      const made = await begin(scratch, store, workspace, facts)
      if (!made) return { kind: 'refused', detail: `there is no workspace ${workspace}` }
      const clock = createSteppedClock(firstAt - 1)
      const live = store.read.workspace(workspace)
      const contexts = createRecordedContexts(live)
      const guardrails = createGuardrailRunner(await loadGuardrails())
      const { triggerMaxAgeMs, mailFrom } = parts.settings
      const batchParts: BatchParts = {
        contexts,
        catalogue: noCatalogue,
        decision: { guardrails },
        clock,
        // Nobody else waits for this store: a batch is never cut short.
        steadyNowMs: () => 0,
        batchMaxMs: 0,
        triggerMaxAgeMs,
      }
      const { wish } = request
      const change =
        wish === undefined
          ? null
          : await wishedChange(wish, {
              scratch,
              live,
              workspace,
              clock,
              since,
              cover: (specs) => contexts.cover(specs, scratch, since),
            })
      if (change?.kind === 'refused') return change
      const { snapshotsGone } = await playHistory({
        store: scratch,
        workspace,
        clock,
        recording,
        facts,
        contexts,
        sender: createSimulatedSender({ store: scratch, workspace, contexts, clock, guardrails, mailFrom }),
        batchParts,
        ...(change === null ? {} : { change }),
        onProgress: (done, total) => onProgress({ stage: 'playing', done, total }),
      })
      if (change?.fault() != null) return { kind: 'refused', detail: change.fault() ?? '' }
      onProgress({ stage: 'counting', done: 0, total: 1 })
      const own = scratch.read.workspace(workspace)
      const compared = { live, scratch: own, since, snapshotsGone, roundsSince: facts.roundsSince }
      return {
        kind: 'rehearsal',
        over: 'history',
        changed: change !== null,
        since,
        until,
        recorded: await tally(live, { since, until }),
        rehearsed: await tally(own, { since, until }),
        exact: change === null ? await compareDecisions(recording, compared) : null,
        predictions: await predictOutcomes({ live, scratch: own, since, until, now: parts.now }),
        notes: notesOf(facts, { since, changed: change !== null, snapshotsGone }),
      }
    } finally {
      await scratch.close()
    }
  } finally {
    recording.end()
    rmSync(folder, { recursive: true })
  }
}

async function roundsSince(store: Store, workspace: string): Promise<number> {
  const row = await store.read.system
    .selectFrom('system_settings')
    .select('system_settings.value')
    .where('system_settings.name', '=', `timer-rounds-since:${workspace}`)
    .executeTakeFirst()
  return Number(row?.value ?? Number.NEGATIVE_INFINITY)
}

/** The scratch store's workspace as it was when history begins, codes to give, and the catalogue as it is. */
async function begin(
  scratch: Store,
  live: Store,
  workspace: string,
  { settings }: HistoryFacts,
): Promise<boolean> {
  const row = await live.read.system
    .selectFrom('workspaces')
    .selectAll('workspaces')
    .where('workspaces.workspace', '=', workspace)
    .executeTakeFirst()
  if (row === undefined) return false
  const was: Partial<RowOf<'workspaces'>> =
    settings === null
      ? {}
      : { kill_switch: settings.killSwitch ? 1 : 0, zone: settings.zone, country: settings.country }
  const db = live.read.workspace(workspace)
  const items = await db.selectFrom('items').selectAll('items').execute()
  const categories = await db.selectFrom('item_categories').selectAll('item_categories').execute()
  const feeds = await db.selectFrom('item_feeds').selectAll('item_feeds').execute()
  await scratch.transaction(async (tx) => {
    await tx.systemBulk('workspaces', [{ ...row, ...was }], 'ignore')
    const own = tx.workspace(workspace)
    await own.bulkInsert('items', items.map(withoutWorkspace), 'ignore')
    await own.bulkInsert('item_categories', categories.map(withoutWorkspace), 'ignore')
    const closed = feeds.map((feed) => ({ ...withoutWorkspace(feed), url: '', secret: '' }))
    await own.bulkInsert('item_feeds', closed, 'ignore')
    await copyPools(db, own)
  })
  await copyItems(live, scratch, workspace, row.created_at)
  return true
}

/** Nobody looks into the catalogue of a rehearsal. */
const noCatalogue: EventCatalogue = { begin() {}, async take() {}, committed() {} }

function notesOf(
  { settingsUnknown, roundsSince: from }: HistoryFacts,
  { since, changed, snapshotsGone }: { since: number; changed: boolean; snapshotsGone: ReadonlySet<string> },
): string[] {
  const notes: string[] = []
  if (from > since)
    notes.push(
      `Until ${new Date(from).toISOString()} it is not recorded when timers fired: they fire as they were due.`,
    )
  if (settingsUnknown > 0)
    notes.push(`${settingsUnknown} changes of settings are from before it was noted what they were.`)
  if (snapshotsGone.size > 0)
    notes.push(`${snapshotsGone.size} policy versions are kept no longer: the one before stood in for them.`)
  if (changed) {
    notes.push(
      'What customers did is as recorded, but for clicks on messages that were not sent; what else they would have done is not known. Policy versions are those that were in force.',
    )
  }
  return notes
}
