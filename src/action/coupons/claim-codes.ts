import type { InstantMs } from '#contracts/clock.ts'
import type { Coupon, GuardrailFacts } from '#contracts/guardrail.ts'
import type { RowOf } from '#platform/store/store.ts'
import type { Drawer, Drawn } from './draw-codes.ts'

type MessageRow = RowOf<'messages'>

/** The messages of a claim whose offers give a code. */
export function drawersOf<F extends GuardrailFacts>(
  due: readonly MessageRow[],
  facts: ReadonlyMap<string, F | { gone: string }>,
): Drawer[] {
  return due.flatMap((message) => {
    const known = facts.get(message.message_id)
    return known === undefined || 'gone' in known ? [] : (drawerOf(message, known) ?? [])
  })
}

/** Null: its offer gives no code. */
export function drawerOf(message: MessageRow, { candidate: { offer } }: GuardrailFacts): Drawer | null {
  return offer.couponPool === undefined
    ? null
    : { holder: message.message_id, customerId: message.customer_id, poolId: offer.couponPool }
}

/** A message without its code is not sent: it waits for the pool to be filled, while it may. */
export function withoutCode(
  message: MessageRow,
  { reason, retryMs }: Drawn & { kind: 'none' },
  now: InstantMs,
): Pick<MessageRow, 'state' | 'reason' | 'due_at'> {
  if (retryMs === null || now + retryMs > message.expires_at) {
    return { state: 'lapsed', reason, due_at: message.due_at }
  }
  return { state: 'queued', reason, due_at: now + retryMs }
}

export function withCoupon<F extends GuardrailFacts>(facts: F, coupon: Coupon): F {
  return { ...facts, candidate: { ...facts.candidate, coupon } }
}
