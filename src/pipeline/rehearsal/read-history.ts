import { setImmediate as nextTurn } from 'node:timers/promises'
import type { EventKind, LogRecord } from '#contracts/event.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { withoutWorkspace } from '#platform/store/without-workspace.ts'
import { decodeDecision } from '../../decision/record.ts'
import type { DecidingSettings } from '../change-workspace.ts'
import { eachRound } from '../timer-round-rows.ts'
import { places, type Recording } from './recording.ts'

/** What has to be known before anything is played. */
export interface HistoryFacts {
  /** As they were when history begins; null: as they are now. */
  settings: DecidingSettings | null
  /** From then on rounds of timers are recorded; what came before fires as it was due. */
  roundsSince: number
  /** When each message moved last: until then a rehearsal leaves it to the recording. */
  messageEnds: ReadonlyMap<string, number>
  /** Timers and journeys: when each went on last. */
  roundEnds: ReadonlyMap<string, number>
  /** Changes of settings from before it was noted what they were. */
  settingsUnknown: number
}

/** Copies a workspace's history, as one consistent read shows it, into a recording. */
export async function readHistory(
  db: WorkspaceDb,
  recording: Recording,
  roundsSince: number,
): Promise<HistoryFacts> {
  const decisionsAt = await readDecisions(db, recording)
  await readEvents(db, recording)
  const roundEnds = new Map<string, number>()
  for await (const round of eachRound(db)) {
    recording.add(round.firedAt, places.round, round.tick, { kind: 'round', round })
    for (const subject of round.subjects) roundEnds.set(subject, round.firedAt)
  }
  await readChanges(db, recording, decisionsAt)
  const settings = await readSettings(db, recording)
  await readRefusals(db, recording)
  await readPlacements(db, recording)
  const messageEnds = await readMessages(db, recording)
  recording.close()
  return { ...settings, roundsSince, messageEnds, roundEnds }
}

/** By instant, the campaign versions that decisions named in it. */
type NamedAt = Map<number, Set<string>>

async function readDecisions(db: WorkspaceDb, recording: Recording): Promise<NamedAt> {
  const namedAt: NamedAt = new Map()
  const changes = await db
    .selectFrom('campaign_versions')
    .select('campaign_versions.created_at')
    .distinct()
    .execute()
  const changedAt = new Set(changes.map((row) => row.created_at))
  for await (const row of pages(db, 'decisions', 'decision_id', 'day_utc')) {
    const decoded = row.record.length === 0 ? null : decodeDecision(row.record)
    recording.addDecision(
      {
        decisionId: row.decision_id,
        customerId: decoded?.customerId ?? row.customer_id,
        triggerKind: row.trigger_kind,
        decidedAt: row.decided_at,
        outcome: row.outcome,
        engineVersion: decoded?.engineVersion ?? '',
        snapshotId: row.snapshot_id,
        record: row.record,
      },
      eventOf(row),
    )
    if (decoded === null || !changedAt.has(row.decided_at)) continue
    const named = namedAt.get(row.decided_at) ?? new Set()
    for (const { campaignId, version } of decoded.campaigns) named.add(`${campaignId} ${version}`)
    namedAt.set(row.decided_at, named)
  }
  return namedAt
}

function eventOf({ trigger_kind, trigger_id }: RowOf<'decisions'>): string {
  if (trigger_kind === 'event') return trigger_id
  return trigger_kind === 'segment' ? trigger_id.slice(trigger_id.indexOf(':') + 1) : ''
}

async function readEvents(db: WorkspaceDb, recording: Recording): Promise<void> {
  for await (const row of pages(db, 'events', 'day_utc', 'event_id')) {
    const record: LogRecord = {
      v: 1,
      workspace: row.workspace,
      eventId: row.event_id,
      customerId: row.applied_to ?? row.customer_id,
      kind: row.kind as EventKind,
      occurredAt: row.occurred_at,
      receivedAt: row.received_at,
      payload: JSON.parse(row.payload_json),
    }
    const isFirst = row.applied_tick === null && row.applied_to !== null
    const place = isFirst ? places.mergedEvent : places.event
    const order = row.applied_tick ?? row.applied_order ?? 0
    recording.add(row.applied_at ?? row.received_at, place, order, { kind: 'event', record })
  }
}

/**
 * Versions of what people define. One of the same millisecond as decisions comes before them where one of them
 * names it, and where nothing was decided then; else after.
 */
async function readChanges(db: WorkspaceDb, recording: Recording, namedAt: NamedAt): Promise<void> {
  const campaigns = await db
    .selectFrom('campaign_versions')
    .selectAll('campaign_versions')
    .orderBy('campaign_versions.created_at')
    .orderBy('campaign_versions.campaign_id')
    .orderBy('campaign_versions.version')
    .execute()
  const early = new Map<number, boolean>()
  for (const { created_at, campaign_id, version } of campaigns) {
    const named = namedAt.get(created_at)
    const isNamed = named === undefined || named.has(`${campaign_id} ${version}`)
    early.set(created_at, (early.get(created_at) ?? false) || isNamed)
  }
  const placeOf = (at: number) => ((early.get(at) ?? true) ? places.change : places.lateChange)
  const documents = await db.selectFrom('documents').selectAll('documents').execute()
  for (const { workspace: _, ...row } of documents)
    recording.add(row.created_at, placeOf(row.created_at), row.version, { kind: 'document', row })
  for (const { workspace: _, ...row } of campaigns)
    recording.add(row.created_at, placeOf(row.created_at), row.version, { kind: 'campaign', row })
}

async function readSettings(
  db: WorkspaceDb,
  recording: Recording,
): Promise<Pick<HistoryFacts, 'settings' | 'settingsUnknown'>> {
  const rows = await db
    .selectFrom('audit')
    .selectAll('audit')
    .where('audit.action', 'in', ['settings', 'unsuppress'])
    .orderBy('audit.at')
    .orderBy('audit.audit_id')
    .execute()
  let settings: DecidingSettings | null = null
  let settingsUnknown = 0
  for (const { at, action, target, detail_json } of rows) {
    if (action === 'unsuppress') {
      const [channel = '', address = ''] = splitAt(target, target.indexOf('/'))
      recording.add(at, places.refused, 1, { kind: 'unsuppression', channel, address })
      continue
    }
    const { before, after } = JSON.parse(detail_json) as Partial<Record<'before' | 'after', DecidingSettings>>
    if (before === undefined || after === undefined) {
      settingsUnknown += 1
      continue
    }
    settings ??= before
    recording.add(at, places.lateChange, 0, { kind: 'settings', settings: after })
  }
  return { settings, settingsUnknown }
}

function splitAt(text: string, at: number): [string, string] {
  return [text.slice(0, at), text.slice(at + 1)]
}

/** What customers said, and addresses and devices that are no more. */
async function readRefusals(db: WorkspaceDb, recording: Recording): Promise<void> {
  for await (const { workspace: _, ...row } of pages(db, 'consent_records', 'record_id')) {
    // Within one millisecond a yes comes before what it allows, a no after what it did not stop.
    const place = row.state === 'granted' ? places.granted : places.refused
    recording.add(row.recorded_at, place, 0, { kind: 'consent', row })
  }
  for await (const { workspace: _, ...row } of pages(db, 'suppressions', 'channel', 'address'))
    recording.add(row.created_at, places.refused, 0, { kind: 'suppression', row })
  for await (const { workspace: _, ...row } of pages(db, 'endpoints', 'endpoint_id')) {
    const { endpoint_id: endpointId, gone_at, gone_reason: reason, source } = row
    // Those of events come with their events.
    if (source === 'api') {
      const fresh = { ...row, gone_at: null, gone_reason: '', seen_at: row.created_at }
      recording.add(row.created_at, places.granted, 0, { kind: 'endpoint', row: fresh })
    }
    if (gone_at !== null)
      recording.add(gone_at, places.refused, 0, { kind: 'endpoint-gone', endpointId, reason })
  }
}

async function readPlacements(db: WorkspaceDb, recording: Recording): Promise<void> {
  const assignments = new Map<string, RowOf<'assignments'>[]>()
  const answers = new Map<string, { at: number; ranks: RowOf<'decision_ranks'>[] }>()
  for await (const row of pages(db, 'decision_ranks', 'decision_id')) {
    const own = answers.get(row.request_id) ?? { at: row.decided_at, ranks: [] }
    own.ranks.push(row)
    answers.set(row.request_id, own)
  }
  const requests = await db
    .selectFrom('decisions')
    .select(['decisions.decision_id', 'decisions.decided_at'])
    .where('decisions.trigger_kind', '=', 'request')
    .execute()
  for (const { decision_id, decided_at } of requests) {
    if (!answers.has(decision_id)) answers.set(decision_id, { at: decided_at, ranks: [] })
  }
  if (answers.size === 0) return
  for (const row of await db.selectFrom('assignments').selectAll('assignments').execute()) {
    if (!answers.has(row.decision_id)) continue
    assignments.set(row.decision_id, [...(assignments.get(row.decision_id) ?? []), row])
  }
  for (const [requestId, { at, ranks }] of answers) {
    recording.add(at, places.given, 0, {
      kind: 'given',
      ranks: ranks.map(({ workspace: _, ...row }) => ({ ...row, ...notShown })),
      assignments: (assignments.get(requestId) ?? []).map(withoutWorkspace),
    })
  }
}

const notShown = {
  exposed_at: null,
  response: '',
  response_reason: '',
  response_by: '',
  responded_at: null,
}

async function readMessages(db: WorkspaceDb, recording: Recording): Promise<Map<string, number>> {
  const ends = new Map<string, number>()
  for await (const { workspace: _, ...row } of pages(db, 'messages', 'message_id')) {
    if (row.transactional !== 1) continue
    const queued = { ...row, state: 'queued' as const, reason: '', sending_at: null, attempts: 0 }
    recording.add(row.created_at, places.message, 0, { kind: 'message', row: queued })
  }
  type Transition = RowOf<'message_transitions'>
  const add = ({ message_id, sequence, state, reason, at }: Transition, next: Transition | null): void => {
    if (next === null) ends.set(message_id, at)
    // The first is made by the decision itself.
    if (sequence === 1) return
    recording.add(at, places.transition, sequence, {
      kind: 'transition',
      transition: {
        messageId: message_id,
        sequence,
        state: state as RowOf<'messages'>['state'],
        reason,
        nextAt: next?.at ?? null,
      },
    })
  }
  let last: Transition | null = null
  for await (const row of pages(db, 'message_transitions', 'message_id', 'sequence')) {
    if (last !== null) add(last, last.message_id === row.message_id ? row : null)
    last = row
  }
  if (last !== null) add(last, null)
  return ends
}

type Paged =
  | 'decisions'
  | 'events'
  | 'consent_records'
  | 'suppressions'
  | 'endpoints'
  | 'decision_ranks'
  | 'messages'
  | 'message_transitions'

const rowsPerPage = 2000
/** Kysely resolves names of columns for concrete tables only. */
type Names = ['messages.message_id', 'messages.message_id']

/** All rows of a table in the order of one or two of its columns, of which no two rows have the same. */
async function* pages<T extends Paged>(
  db: WorkspaceDb,
  table: T,
  key: keyof RowOf<T> & string,
  second?: keyof RowOf<T> & string,
): AsyncGenerator<RowOf<T>> {
  const [first, next] = [`${table}.${key}`, `${table}.${second ?? key}`] as unknown as Names
  let after: Record<string, unknown> | null = null
  for (;;) {
    let query = db.selectFrom(table as 'messages').selectAll(table as 'messages')
    if (after !== null) {
      const [a, b] = [after[key] as string, after[second ?? key] as string]
      query = query.where(({ eb, refTuple, tuple }) =>
        second === undefined ? eb(first, '>', a) : eb(refTuple(first, next), '>', tuple(a, b)),
      )
    }
    query = query.orderBy(first)
    if (second !== undefined) query = query.orderBy(next)
    const rows = (await query.limit(rowsPerPage).execute()) as unknown as RowOf<T>[]
    yield* rows
    if (rows.length < rowsPerPage) return
    after = rows.at(-1) as Record<string, unknown>
    await nextTurn()
  }
}
