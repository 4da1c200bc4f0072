import type { ChannelName } from '#contracts/campaign.ts'
import type { Clock, InstantMs } from '#contracts/clock.ts'
import type { DeliveryKind } from '#contracts/delivery.ts'
import type { SendResult } from '#contracts/message.ts'
import type { Random } from '#contracts/random.ts'
import type { StoreTransaction, WorkspaceDb } from '#platform/store/store.ts'
import { keepDeadLetters } from './dead-letters.ts'
import { loadTries } from './dispatch/tries.ts'
import { insertMessageEvents, type MessageEvent } from './message-event-rows.ts'
import { lockMessageRows, type MessageRow } from './message-rows.ts'
import { type MessageChange, saveChanges } from './save-changes.ts'
import { outcomeOf, reasonOf, type SendOutcome } from './send-outcome.ts'

/** One provider call that has ended. */
export interface FinishedAttempt {
  /** As claimed: its `attempts` is this attempt's number. */
  message: MessageRow
  provider: string
  result: SendResult
  /** Another provider could take it now. */
  elsewhere?: boolean
}

export interface SuppressionPort {
  suppress(
    db: WorkspaceDb,
    fact: { channel: ChannelName; address: string; reason: string; detail: string; now: InstantMs },
  ): Promise<void>
}

export interface EndpointPort {
  /** The device or browser is no more. Resolves to whether the customer has another one. */
  gone(
    db: WorkspaceDb,
    endpoint: { customerId: string; address: string; reason: string; sentAt: InstantMs; now: InstantMs },
  ): Promise<boolean>
}

/** Told in the transaction that records them: learning opens its windows here. */
export interface SentPort {
  recordSent(db: WorkspaceDb, messages: MessageRow[], now: InstantMs): Promise<void>
}

export interface ResultParts {
  clock: Clock
  random: Random
  suppressions: SuppressionPort
  endpoints: EndpointPort
  sent: SentPort
}

/**
 * Writes what provider calls came to, in the caller's transaction. A result counts when its attempt is still the
 * message's last: a message that was marked `unknown` meanwhile (its lease ran out) is resolved to `sent`
 * or `failed`, never queued again.
 */
export async function writeResults(
  tx: StoreTransaction,
  finished: FinishedAttempt[],
  parts: ResultParts,
): Promise<void> {
  const now = parts.clock.now()
  for (const [workspace, attempts] of Map.groupBy(finished, ({ message }) => message.workspace)) {
    await writeWorkspace(tx.workspace(workspace), attempts, now, parts)
  }
}

async function writeWorkspace(
  db: WorkspaceDb,
  finished: FinishedAttempt[],
  now: InstantMs,
  parts: ResultParts,
): Promise<void> {
  // Locked: a merge that moves them comes wholly before, or finds what is written here.
  const current = await lockMessageRows(
    db,
    finished.map(({ message }) => message.message_id),
  )
  const retried = finished.filter(({ result }) => result.kind === 'transient')
  const triesBefore = await loadTries(
    db,
    retried.map(({ message }) => message.message_id),
  )
  const failed: { message: MessageRow; provider: string }[] = []
  const changed: MessageChange[] = []
  const refused: MessageEvent[] = []
  for (const { message, provider, result, elsewhere } of finished) {
    const hasOther = await loseEndpoint(db, message, result, parts, now)
    const row = current.get(message.message_id)
    if (row !== undefined && row.attempts === message.attempts) {
      const tries = (triesBefore.get(message.message_id)?.get(provider) ?? 0) + 1
      const outcome = hasOther ? goOn(now) : outcomeOf(row, result, tries, now, parts.random, elsewhere)
      const next = nextRow(row, outcome, now)
      if (next !== null) changed.push({ from: row.state, row: next })
      if (next?.state === 'failed') failed.push({ message: next, provider })
    }
    if (result.kind === 'permanent' && result.suppress) {
      refused.push(refusalOf(message, { provider, reason: reasonOf(result) }, now))
      await parts.suppressions.suppress(db, {
        channel: message.channel as ChannelName,
        address: message.address,
        reason: 'bounce',
        detail: reasonOf(result),
        now,
      })
    }
  }
  await saveChanges(db, changed, now)
  await keepDeadLetters(db, failed, now)
  await endAttempts(db, finished, now)
  await insertMessageEvents(db, refused)
  const sent = changed.map(({ row }) => row).filter((row) => row.state === 'sent')
  if (sent.length > 0) await parts.sent.recordSent(db, sent, now)
}

/** An address that was refused at once has bounced, as one whose bounce comes back later. */
function refusalOf(
  message: MessageRow,
  { provider, reason }: { provider: string; reason: string },
  now: InstantMs,
): MessageEvent {
  return {
    message_id: message.message_id,
    event_id: `attempt-${message.attempts}`,
    kind: 'hard-bounce' satisfies DeliveryKind,
    campaign_id: message.campaign_id,
    channel: message.channel,
    address: message.address,
    provider,
    reason,
    occurred_at: now,
    received_at: now,
  }
}

/** Nothing was sent: the claim finds the customer's next device. Each of these ends one, so they come to an end. */
function goOn(now: InstantMs): SendOutcome {
  return { state: 'queued', reason: 'endpoint_gone', dueAt: now }
}

async function loseEndpoint(
  db: WorkspaceDb,
  message: MessageRow,
  result: SendResult,
  { endpoints }: ResultParts,
  now: InstantMs,
): Promise<boolean> {
  if (result.kind !== 'permanent' || result.endpointGone !== true) return false
  const { customer_id: customerId, address } = message
  return endpoints.gone(db, {
    customerId,
    address,
    reason: reasonOf(result),
    sentAt: message.sending_at ?? now,
    now,
  })
}

/** The message after this outcome, or null when it no longer matters. */
function nextRow(row: MessageRow, outcome: SendOutcome, now: InstantMs): MessageRow | null {
  const done = { ...row, state_at: now, lease_owner: '', lease_until: 0 }
  if (row.state === 'unknown') {
    if (outcome.state === 'unknown') return null
    return { ...done, state: outcome.state === 'sent' ? 'sent' : 'failed', reason: outcome.reason }
  }
  if (row.state !== 'sending') return null
  if (outcome.state !== 'queued') return { ...done, state: outcome.state, reason: outcome.reason }
  // The slot is given back until the next claim takes one.
  return { ...done, state: 'queued', reason: outcome.reason, due_at: outcome.dueAt!, sending_at: null }
}

async function endAttempts(db: WorkspaceDb, finished: FinishedAttempt[], now: InstantMs): Promise<void> {
  const rows = finished.map(({ message, provider, result }) => ({
    message_id: message.message_id,
    attempt: message.attempts,
    provider,
    started_at: message.sending_at ?? now,
    ended_at: now,
    result: result.kind,
    reason: reasonOf(result),
    provider_message_id: result.kind === 'sent' ? result.providerMessageId : '',
  }))
  await db.bulkInsert('attempts', rows, {
    key: ['workspace', 'message_id', 'attempt'],
    update: ['ended_at', 'result', 'reason', 'provider_message_id'],
  })
}
