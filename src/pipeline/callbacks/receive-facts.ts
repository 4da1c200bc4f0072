import type { CallbackFact, CallbackSource, DeliveryPayload } from '#contracts/delivery.ts'
import type { EngagementPayload, LogRecord } from '#contracts/event.ts'
import type { LogAppend } from '#contracts/event-log.ts'
import { stableId } from '#platform/ids/ids.ts'
import type { CallbackCount } from '../../action/callback-rows.ts'
import type { MessageTarget } from '../../action/message-targets.ts'
import { seenEventIds } from '../../profile/event-rows.ts'
import type { EngineParts } from '../engine-parts.ts'
import { signOfEngagement } from '../machine-sign.ts'
import { applyAtOnce, isForAtOnce } from './apply-at-once.ts'
import { findTargets } from './find-targets.ts'

export type ReceiveParts = Pick<EngineParts, 'store' | 'log' | 'clock' | 'wallClock'>

export type Received =
  | {
      kind: 'received'
      /** By workspace; what is of no message of ours is in `unknown`. */
      counts: Map<string, CallbackCount[]>
      unknown: number
    }
  | { kind: 'full'; retryAfterSeconds: number }
  | { kind: 'unavailable'; reason: string }

/**
 * Takes what a provider has told, and was verified. What stops further messages (a hard bounce, a complaint,
 * an opt-out) is in force in the store before this resolves; everything goes through the log, from which the
 * worker keeps it. A call that is not acknowledged may be made again: nothing is done twice.
 */
export async function receiveFacts(
  parts: ReceiveParts,
  source: CallbackSource,
  facts: readonly CallbackFact[],
): Promise<Received> {
  const receivedAt = parts.wallClock.now()
  const now = parts.clock.now()
  const dated = facts.map((fact) => ({ ...fact, occurredAt: occurredAtOf(fact, now) }))
  const { targeted, unknown } = await findTargets(parts.store.read, source, dated)
  const counts = new Map<string, CallbackCount[]>()
  const records: LogAppend[] = []
  for (const [workspace, own] of Map.groupBy(targeted, (one) => one.workspace)) {
    const withIds = own.map((one) => ({ ...one, eventId: eventIdOf(source, one.fact) }))
    const seen = await seenEventIds(
      parts.store.read.workspace(workspace),
      withIds.map(({ eventId }) => eventId),
    )
    const fresh = withIds.filter(({ eventId }) => !seen.has(eventId))
    const urgent = fresh.filter(isForAtOnce)
    if (urgent.length > 0)
      await parts.store.transaction((tx) =>
        applyAtOnce(tx.workspace(workspace), source, urgent, { now, receivedAt }),
      )
    for (const { fact, target, eventId } of fresh)
      if (target !== null) records.push(recordOf(workspace, source, { fact, target, eventId }, receivedAt))
    counts.set(workspace, [
      { provider: source.provider, outcome: 'accepted', count: fresh.length },
      { provider: source.provider, outcome: 'repeated', count: withIds.length - fresh.length },
    ])
  }
  const appended = records.length === 0 ? ({ kind: 'appended' } as const) : await parts.log.append(records)
  return appended.kind === 'appended' ? { kind: 'received', counts, unknown } : appended
}

/** Vendors' clocks and ours differ; what they say of the future happened now. */
function occurredAtOf({ occurredAt }: CallbackFact, now: number): number {
  return Number.isFinite(occurredAt) && occurredAt > 0 ? Math.min(occurredAt, now) : now
}

function eventIdOf({ provider }: CallbackSource, fact: CallbackFact): string {
  return stableId('callback', provider, fact.kind, fact.id)
}

function recordOf(
  workspace: string,
  source: CallbackSource,
  { fact, target, eventId }: { fact: CallbackFact; target: MessageTarget; eventId: string },
  receivedAt: number,
): LogAppend {
  const { messageId, customerId } = target
  const { kind, occurredAt } = fact
  const envelope = { v: 1 as const, workspace, eventId, customerId, occurredAt, receivedAt }
  const record: LogRecord<EngagementPayload | DeliveryPayload> =
    kind === 'click' || kind === 'open'
      ? { ...envelope, kind, payload: engagementOf(fact, messageId) }
      : {
          ...envelope,
          kind: 'delivery',
          payload: {
            messageId,
            kind,
            provider: source.provider,
            address: target.address,
            reason: fact.reason,
          },
        }
  return { key: `${workspace}\u0000${customerId}`, body: JSON.stringify(record) }
}

function engagementOf(fact: CallbackFact, messageId: string): EngagementPayload {
  const kind = fact.kind === 'open' ? 'open' : 'click'
  const userAgent = fact.userAgent ?? ''
  const sign = fact.byMachine === true ? 'provider' : signOfEngagement(kind, { userAgent })
  return {
    messageId,
    ...(fact.url === undefined ? {} : { url: fact.url }),
    userAgent: userAgent.slice(0, 512),
    ...(sign === null ? (kind === 'click' ? { held: true } : {}) : { suspectedScanner: true, machine: sign }),
  }
}
