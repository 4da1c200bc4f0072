import type { CallbackSource } from '#contracts/delivery.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { takeReceipt } from '../../action/callback-rows.ts'
import { messagesToNumber } from '../../action/message-targets.ts'
import { replyWord } from '../../action/reply-word.ts'
import { loadConsentSources, setConsent } from '../../profile/consent-rows.ts'
import { suppress, suppressionReason, unsuppress } from '../../profile/suppression-rows.ts'
import type { Targeted } from './find-targets.ts'

/** Of a number whose owner has answered STOP: START takes it back, and takes nothing else back. */
export const stopReason = 'stop-word'
const stopSource = 'stop-word'
const startSource = 'start-word'

/** Whether it must be in force before it is acknowledged. */
export function isForAtOnce({ fact: { kind, reason } }: Targeted): boolean {
  if (kind === 'reply') {
    const word = replyWord(reason)
    return word === 'stop' || word === 'start'
  }
  return kind === 'hard-bounce' || kind === 'complaint' || kind === 'unsubscribe'
}

/**
 * Suppresses addresses and notes opt-outs, once each: a START that is played again after a later STOP opts
 * nobody in. When the transaction has committed, no send begins that it forbids.
 */
export async function applyAtOnce(
  db: WorkspaceDb,
  source: CallbackSource,
  urgent: readonly (Targeted & { eventId: string })[],
  { now, receivedAt }: { now: number; receivedAt: number },
): Promise<void> {
  let suppresses = false
  for (const one of urgent) {
    if (!(await takeReceipt(db, one.eventId, receivedAt))) continue
    if (await applyOne(db, source, one, now)) suppresses = true
  }
  // Claims under way are waited for, the next ones see the facts.
  if (suppresses) await db.lock('configuration')
}

async function applyOne(
  db: WorkspaceDb,
  { provider, channel }: CallbackSource,
  { fact, target }: Targeted,
  now: number,
): Promise<boolean> {
  if (fact.kind === 'reply') return obeyReply(db, fact.address, replyWord(fact.reason), now)
  if (target === null) return false
  if (fact.kind === 'unsubscribe') {
    const { customerId } = target
    await setConsent(db, { customerId, channel, state: 'denied', source: `provider:${provider}`, now })
    return false
  }
  const reason = fact.kind === 'complaint' ? 'complaint' : 'bounce'
  const detail = `${provider}: ${fact.reason}`.slice(0, 200)
  // Where we wrote to: behind a forwarding another address may have bounced.
  await suppress(db, { channel, address: target.address, reason, detail, now })
  return true
}

async function obeyReply(
  db: WorkspaceDb,
  address: string,
  word: ReturnType<typeof replyWord>,
  now: number,
): Promise<boolean> {
  const channel = 'sms' as const
  const customers = (await messagesToNumber(db, address)).map(({ customerId }) => customerId).sort()
  if (word === 'stop') {
    await suppress(db, { channel, address, reason: stopReason, detail: 'answered by text message', now })
    for (const customerId of customers)
      await setConsent(db, { customerId, channel, state: 'denied', source: stopSource, now })
    return true
  }
  if (word !== 'start') return false
  if ((await suppressionReason(db, { channel, address })) === stopReason)
    await unsuppress(db, { channel, address })
  const sources = await loadConsentSources(db, customers, channel)
  for (const customerId of customers) {
    if (sources.get(customerId) !== stopSource) continue
    await setConsent(db, { customerId, channel, state: 'granted', source: startSource, now })
  }
  return true
}
