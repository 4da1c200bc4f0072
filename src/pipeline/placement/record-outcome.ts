import type { Clock } from '#contracts/clock.ts'
import type { ApiFault } from '#contracts/errors.ts'
import type { OutcomePayload } from '#contracts/event.ts'
import type { EventLog } from '#contracts/event-log.ts'
import { stableId } from '#platform/ids/ids.ts'
import type { Store } from '#platform/store/store.ts'
import { loadDecision } from '../../decision/decision-rows.ts'
import { appendOf } from './decision-record.ts'
import type { RecentDecisions } from './recent-decisions.ts'

export interface ToldOutcome extends OutcomePayload {
  /** Told again with the same id, it counts once. Default: one of a kind for each decision. */
  outcomeId?: string
  /** When it happened; default now. */
  occurredAt?: number
  /** Whose decision it is: spares looking it up, and works before it is stored. */
  customerId?: string
}

type OutcomeResult = { kind: 'recorded'; outcomeId: string } | { kind: 'fault'; fault: ApiFault }

/** A caller's clock may be ahead by this much. */
const skewMs = 300_000

/** Puts what became of a decision into the log, as durably as any event. */
export function createOutcomes(parts: {
  store: Store
  log: Pick<EventLog, 'append'>
  recent: RecentDecisions
  clock: Clock
  wallClock: Clock
}): { record(workspace: string, told: ToldOutcome): Promise<OutcomeResult> } {
  const { store, log, recent, clock, wallClock } = parts
  return {
    async record(workspace, { outcomeId, occurredAt, customerId: given, ...payload }) {
      const { decisionId, outcome } = payload
      const now = clock.now()
      if (occurredAt !== undefined && occurredAt > now + skewMs)
        return fault({
          code: 'invalid_request',
          detail: 'occurredAt lies in the future',
          field: 'occurredAt',
        })
      const customerId =
        given ??
        recent.customerOf(workspace, decisionId) ??
        (await loadDecision(store.read.workspace(workspace), decisionId))?.customer_id
      if (customerId === undefined) {
        const detail = `no decision has the id ${decisionId}; one made a moment ago at another server is known by its customerId`
        return fault({ code: 'not_found', detail })
      }
      const eventId = stableId('outcome', decisionId, outcome, outcomeId ?? '')
      const record = appendOf({
        v: 1,
        workspace,
        eventId,
        customerId,
        kind: 'outcome',
        occurredAt: Math.min(occurredAt ?? now, now),
        receivedAt: wallClock.now(),
        payload,
      })
      const result = await log.append([record])
      if (result.kind === 'appended') return { kind: 'recorded', outcomeId: eventId }
      return result.kind === 'full'
        ? fault({
            code: 'overloaded',
            detail: 'the event log cannot take more now',
            retryAfterSeconds: result.retryAfterSeconds,
          })
        : fault({ code: 'unavailable', detail: result.reason })
    },
  }
}

function fault(own: ApiFault): OutcomeResult {
  return { kind: 'fault', fault: own }
}
