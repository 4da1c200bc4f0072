import type { Clock } from '#contracts/clock.ts'
import type { ApiFault } from '#contracts/errors.ts'
import type { EventLog } from '#contracts/event-log.ts'
import type { JsonObject } from '#contracts/json.ts'
import { stableId } from '#platform/ids/ids.ts'
import { DEFAULT_INGEST_LIMITS } from '../ingest/ingest-limits.ts'
import { eventRecord } from '../ingest/to-log-records.ts'
import { surroundingsOf, type ValidEvent, validateEvent } from '../ingest/validate-event.ts'
import type { Identities } from '../profile/identities.ts'
import type { ImportReport } from './import-decisions.ts'

/** One customer as another system knows them. */
export interface CustomerLine {
  userId: string
  traits: JsonObject
}

/**
 * Brings customers in as identify events marked `imported`: they go through the log like any event, change
 * profiles, and trigger nothing. The event's id is a hash of what it says, so that the same line again
 * changes nothing. Refused lines are numbered by their place, from 0.
 */
export async function importCustomers(
  parts: { log: Pick<EventLog, 'append'>; identities: Identities; clock: Clock; wallClock: Clock },
  workspace: string,
  lines: CustomerLine[],
): Promise<{ kind: 'report'; report: ImportReport } | { kind: 'refused'; fault: ApiFault }> {
  const receivedAt = parts.wallClock.now()
  const report: ImportReport = { imported: 0, refused: [] }
  const valid = validEvents(lines, receivedAt, report)
  const customers = await parts.identities.resolveMany(
    workspace,
    valid.map(({ userId }) => ({ userId: userId as string })),
  )
  const occurredAt = parts.clock.now()
  const records = valid.map((event, i) =>
    eventRecord(
      workspace,
      { ...event, occurredAt, payloadJson: `${event.payloadJson.slice(0, -1)},"imported":true}` },
      {
        eventId: stableId(workspace, 'import', event.payloadJson),
        customerId: customers[i] as string,
        mergeFrom: [],
        receivedAt,
      },
    ),
  )
  const result = await parts.log.append(records)
  if (result.kind === 'unavailable') {
    return { kind: 'refused', fault: { code: 'unavailable', detail: result.reason } }
  }
  if (result.kind === 'full') {
    const { retryAfterSeconds } = result
    const detail = 'the event log cannot take more now'
    return { kind: 'refused', fault: { code: 'overloaded', detail, retryAfterSeconds } }
  }
  report.imported = valid.length
  return { kind: 'report', report }
}

function validEvents(lines: CustomerLine[], receivedAt: number, report: ImportReport): ValidEvent[] {
  const around = surroundingsOf(
    { shape: 'batch', sentAt: undefined, context: undefined },
    receivedAt,
    DEFAULT_INGEST_LIMITS,
  )
  return lines.flatMap(({ userId, traits }, line) => {
    const event = validateEvent({ type: 'identify', userId, traits }, around)
    if (event.kind !== 'fault') return [event]
    report.refused.push({ line, field: event.field, detail: event.detail })
    return []
  })
}
