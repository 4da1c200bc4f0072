import { DatabaseSync } from 'node:sqlite'
import type { LogRecord } from '#contracts/event.ts'
import type { RowOf, WorkspaceRowOf } from '#platform/store/store.ts'
import type { DecidingSettings } from '../change-workspace.ts'
import type { TimerRound } from '../timer-round-rows.ts'

/** Something that happened, as the store recorded it. */
export type HistoryItem =
  | { kind: 'event'; record: LogRecord }
  | { kind: 'round'; round: TimerRound }
  | { kind: 'document'; row: WorkspaceRowOf<'documents'> }
  | { kind: 'campaign'; row: WorkspaceRowOf<'campaign_versions'> }
  | { kind: 'settings'; settings: DecidingSettings }
  | { kind: 'consent'; row: WorkspaceRowOf<'consent_records'> }
  | { kind: 'suppression'; row: WorkspaceRowOf<'suppressions'> }
  | { kind: 'unsuppression'; channel: string; address: string }
  | { kind: 'endpoint'; row: WorkspaceRowOf<'endpoints'> }
  | { kind: 'endpoint-gone'; endpointId: string; reason: string }
  /** What a placement was given, decided by its door: played as it was. */
  | {
      kind: 'given'
      ranks: WorkspaceRowOf<'decision_ranks'>[]
      assignments: WorkspaceRowOf<'assignments'>[]
    }
  /** A message that no campaign decided. */
  | { kind: 'message'; row: WorkspaceRowOf<'messages'> }
  | { kind: 'transition'; transition: RecordedTransition }

export interface RecordedTransition {
  messageId: string
  sequence: number
  state: RowOf<'messages'>['state']
  reason: string
  /** When the next one came; null: it was the last. */
  nextAt: number | null
}

/**
 * Of what happened in one millisecond, what comes first: an order in which every role of the engine can have
 * come by it. The worker takes events in before it looks for timers, and the sender claims what both queued.
 */
export const places = {
  change: 0,
  granted: 1,
  given: 2,
  /** Of customers who have been merged away since, where it is not known what came first: before the merge. */
  mergedEvent: 3,
  event: 4,
  round: 5,
  message: 6,
  transition: 7,
  refused: 8,
  lateChange: 9,
} as const

export interface RecordedDecision {
  decisionId: string
  /** Whom it was made for; a merge may have moved it since. */
  customerId: string
  triggerKind: string
  decidedAt: number
  outcome: string
  engineVersion: string
  snapshotId: string
  record: Uint8Array
}

/** History in the order in which it is played, in a file of its own: it may be larger than memory. */
export interface Recording {
  add(at: number, place: number, order: number, item: HistoryItem): void
  /** `eventId`: of the event that triggered it, '' of others. */
  addDecision(decision: RecordedDecision, eventId: string): void
  /** Sorts; nothing is added afterwards. */
  close(): void
  readonly count: number
  /** The first instant that is recorded; null where nothing is. */
  firstAt(): number | null
  items(): IterableIterator<{ at: number; place: number; order: number; item: HistoryItem }>
  decisions(): IterableIterator<RecordedDecision>
  hasDecision(decisionId: string): boolean
  /** Of the decisions that an event triggered, or that were made for the customer at that instant. */
  snapshotOfEvent(eventId: string): string | null
  snapshotAt(customerId: string, at: number): string | null
  end(): void
}

export function createRecording(file: string): Recording {
  const database = new DatabaseSync(file)
  // Nobody misses it after a crash.
  database.exec('pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -65536')
  database.exec(`
    create table items (at integer, place integer, sort integer, body text) strict;
    create table made (decision_id text primary key, customer_id text, trigger_kind text, decided_at integer,
      outcome text, engine text, snapshot_id text, event_id text, record blob) strict, without rowid;
    begin`)
  const insertItem = database.prepare('insert into items values (?, ?, ?, ?)')
  const insertMade = database.prepare('insert or ignore into made values (?, ?, ?, ?, ?, ?, ?, ?, ?)')
  let count = 0
  const one = (sql: string) => {
    let prepared: ReturnType<DatabaseSync['prepare']> | null = null
    return (...values: (string | number)[]) => {
      prepared ??= database.prepare(sql)
      return prepared.get(...values)
    }
  }
  const byEvent = one('select made.snapshot_id as id from made where made.event_id = ? limit 1')
  const byCustomer = one(
    'select made.snapshot_id as id from made where made.customer_id = ? and made.decided_at = ? limit 1',
  )
  const byId = one('select 1 from made where made.decision_id = ?')
  const first = one('select min(items.at) as at from items')
  return {
    add(at, place, order, item) {
      count += 1
      insertItem.run(at, place, order, JSON.stringify(item))
    },
    addDecision(own, eventId) {
      const { decisionId, customerId, triggerKind, decidedAt, outcome, engineVersion, snapshotId } = own
      insertMade.run(
        decisionId,
        customerId,
        triggerKind,
        decidedAt,
        outcome,
        engineVersion,
        snapshotId,
        eventId,
        own.record,
      )
    },
    close() {
      database.exec(`commit;
        create index items_order on items (at, place, sort);
        create index made_event on made (event_id);
        create index made_customer on made (customer_id, decided_at)`)
    },
    get count() {
      return count
    },
    firstAt: () => (first()?.at as number | null | undefined) ?? null,
    *items() {
      const rows = database
        .prepare('select * from items order by items.at, items.place, items.sort, items.rowid')
        .iterate() as IterableIterator<{ at: number; place: number; sort: number; body: string }>
      for (const { at, place, sort, body } of rows)
        yield { at, place, order: sort, item: JSON.parse(body) as HistoryItem }
    },
    *decisions() {
      const rows = database.prepare('select * from made order by made.decision_id').iterate()
      for (const row of rows as IterableIterator<MadeRow>) yield decisionOf(row)
    },
    hasDecision: (decisionId) => byId(decisionId) !== undefined,
    snapshotOfEvent: (eventId) => (byEvent(eventId)?.id as string | undefined) ?? null,
    snapshotAt: (customerId, at) => (byCustomer(customerId, at)?.id as string | undefined) ?? null,
    end: () => database.close(),
  }
}

interface MadeRow {
  decision_id: string
  customer_id: string
  trigger_kind: string
  decided_at: number
  outcome: string
  engine: string
  snapshot_id: string
  record: Uint8Array
}

function decisionOf(row: MadeRow): RecordedDecision {
  return {
    decisionId: row.decision_id,
    customerId: row.customer_id,
    triggerKind: row.trigger_kind,
    decidedAt: row.decided_at,
    outcome: row.outcome,
    engineVersion: row.engine,
    snapshotId: row.snapshot_id,
    record: row.record,
  }
}
