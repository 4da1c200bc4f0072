import type { Clock } from '#contracts/clock.ts'
import type { ApiFault } from '#contracts/errors.ts'
import type { LogRecord } from '#contracts/event.ts'
import type { EventLog } from '#contracts/event-log.ts'
import type { RowOf, Store } from '#platform/store/store.ts'
import type { Ingest } from '../ingest/ingest.ts'
import { readKept } from '../ingest/kept-event.ts'
import { listRejected, loadRejected, markReplayed } from '../pipeline/rejected-event-rows.ts'
import type { RejectedEventsPort, RejectedEventView } from './routes/rejected-event-routes.ts'

/** Refused events as the store keeps them, taken again through the same ingest that refused them. */
export function createRejectedEvents({
  store,
  ingest,
  log,
  wallClock,
}: {
  store: Store
  ingest: Ingest
  log: Pick<EventLog, 'append'>
  wallClock: Clock
}): RejectedEventsPort {
  return {
    async list(workspace, page) {
      return (await listRejected(store.read.workspace(workspace), page)).map(viewOf)
    },
    async replay(workspace, rejectedId, corrected) {
      const row = await loadRejected(store.read.workspace(workspace), rejectedId)
      if (row === null) return refused({ code: 'not_found', detail: `no refused event ${rejectedId}` })
      if (row.replayed_at !== null)
        return refused({ code: 'conflict', detail: 'it has been replayed already' })
      const markDone = () =>
        store.transaction((tx) => markReplayed(tx.workspace(workspace), rejectedId, wallClock.now()))
      if (row.code === notApplied && corrected === undefined) {
        const fault = await appendAgain(log, row.body)
        if (fault !== null) return refused(fault)
        await markDone()
        return { kind: 'replayed' }
      }
      const json = corrected === undefined ? row.body : JSON.stringify(corrected)
      if (!isJson(json)) {
        return refused({
          code: 'conflict',
          detail: 'too long to be kept whole: give the event',
          field: 'event',
        })
      }
      const kept = await readKept(json, row.received_at, ingest.limits)
      if (!('request' in kept)) return refused(kept)
      // Asked first, so that an event that is refused again is not kept a second time.
      if (kept.fault !== null) {
        const { code, field, detail } = kept.fault
        return refused({ code: 'invalid_definition', detail: `still refused: ${code}, ${detail}`, field })
      }
      const answer = await ingest.ingest(workspace, kept.request, row.received_at)
      if (answer.kind === 'fault') return refused(answer.fault)
      await markDone()
      return { kind: 'replayed' }
    },
  }
}

/** What pipeline/rejected-event-rows.ts calls an accepted event that could not be applied. */
const notApplied = 'not_applied'

/** An event that was accepted is kept as its record: it goes into the log as it is. */
async function appendAgain(log: Pick<EventLog, 'append'>, body: string): Promise<ApiFault | null> {
  const { workspace, customerId } = JSON.parse(body) as LogRecord
  const result = await log.append([{ key: `${workspace}\u0000${customerId}`, body }])
  if (result.kind === 'appended') return null
  if (result.kind === 'unavailable') return { code: 'unavailable', detail: result.reason }
  const { retryAfterSeconds } = result
  return { code: 'overloaded', detail: 'the event log cannot take more now', retryAfterSeconds }
}

function refused(fault: ApiFault): { kind: 'refused'; fault: ApiFault } {
  return { kind: 'refused', fault }
}

function viewOf(row: RowOf<'rejected_events'>): RejectedEventView {
  return {
    id: row.rejected_id,
    receivedAt: row.received_at,
    code: row.code,
    field: row.field,
    detail: row.detail,
    body: row.body,
    replayedAt: row.replayed_at,
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
