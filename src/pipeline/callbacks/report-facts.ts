import type { CallbackFact, CallbackSource, DeliveryPayload } from '#contracts/delivery.ts'
import type { LogRecord } from '#contracts/event.ts'
import { stableId } from '#platform/ids/ids.ts'
import type { RoleParts } from '../engine-parts.ts'
import { applyAtOnce, isForAtOnce } from './apply-at-once.ts'
import { applyDeliveries } from './apply-deliveries.ts'
import { findTargets, type Targeted } from './find-targets.ts'

/**
 * What a provider told over the sender's own connection (receipts and replies by SMPP): as `receiveFacts`, but
 * stored at once, since a sender has no log. Resolves to whether each was of a message or a number that we know.
 */
export async function reportFacts(
  { store, clock, wallClock }: Pick<RoleParts, 'store' | 'clock' | 'wallClock'>,
  source: CallbackSource,
  facts: readonly CallbackFact[],
): Promise<boolean> {
  const now = clock.now()
  const receivedAt = wallClock.now()
  const { targeted, unknown } = await findTargets(store.read, source, facts)
  for (const [workspace, own] of Map.groupBy(targeted, (one) => one.workspace)) {
    const told = own.map((one) => ({
      ...one,
      eventId: stableId('callback', source.provider, one.fact.kind, one.fact.id),
    }))
    await store.transaction(async (tx) => {
      const db = tx.workspace(workspace)
      // Customers first, then messages: as everybody locks them.
      await db.lockCustomers(told.flatMap(({ target }) => (target === null ? [] : [target.customerId])))
      await applyAtOnce(db, source, told.filter(isForAtOnce), { now, receivedAt })
      await applyDeliveries(
        db,
        told.flatMap((one) => recordOf(one, source, receivedAt)),
        now,
      )
    })
  }
  return unknown === 0
}

function recordOf(
  { workspace, fact, target, eventId }: Targeted & { eventId: string },
  { provider }: CallbackSource,
  receivedAt: number,
): LogRecord<DeliveryPayload>[] {
  const { kind, occurredAt, reason } = fact
  if (target === null || kind === 'open' || kind === 'click') return []
  const { messageId, customerId, address } = target
  const payload = { messageId, kind, provider, address, reason }
  return [{ v: 1, workspace, eventId, customerId, kind: 'delivery', occurredAt, receivedAt, payload }]
}
