import type { Clock } from '#contracts/clock.ts'
import type { EngagementPayload, LogRecord } from '#contracts/event.ts'
import type { EventLog } from '#contracts/event-log.ts'
import { stableId } from '#platform/ids/ids.ts'
import type { Store } from '#platform/store/store.ts'
import { type InboxAction, type InboxRow, inboxRow, noteInboxAction } from '../action/inbox-rows.ts'

export interface InboxActionParts {
  store: Store
  log: Pick<EventLog, 'append'>
  clock: Clock
  wallClock: Clock
}

export type InboxActionResult =
  | { kind: 'noted'; row: InboxRow }
  | { kind: 'not-found' }
  /** Of the log, which takes no more now: nothing was noted. */
  | { kind: 'full' | 'unavailable' }

/**
 * What a customer did in their inbox. To read is to open and a click is a click, in the log as those of e-mails
 * are; one of each a message, however often it is told. It is the customer's own: the token says so, and no
 * scanner has one. The log comes first: when the row says read, the event is on disk.
 */
export async function recordInboxAction(
  { store, log, clock, wallClock }: InboxActionParts,
  did: { workspace: string; customerId: string; messageId: string; action: InboxAction; userAgent: string },
): Promise<InboxActionResult> {
  const { workspace, customerId, messageId, action } = did
  const now = clock.now()
  const known = await inboxRow(store.read.workspace(workspace), customerId, messageId)
  if (known === null || known.expires_at <= now) return { kind: 'not-found' }
  const kinds =
    action === 'dismiss' ? [] : action === 'read' ? (['open'] as const) : (['open', 'click'] as const)
  const records = kinds
    .filter((kind) => (kind === 'open' ? known.read_at : known.clicked_at) === null)
    .map(
      (kind): LogRecord<EngagementPayload> => ({
        v: 1,
        workspace,
        eventId: stableId(kind, messageId, 'inbox'),
        customerId,
        kind,
        occurredAt: now,
        receivedAt: wallClock.now(),
        payload: { messageId, userAgent: did.userAgent.slice(0, userAgentCharactersMax) },
      }),
    )
  if (records.length > 0) {
    const key = `${workspace}\u0000${customerId}`
    const result = await log.append(records.map((record) => ({ key, body: JSON.stringify(record) })))
    if (result.kind !== 'appended') return { kind: result.kind }
  }
  const noted = await store.transaction((tx) =>
    noteInboxAction(tx.workspace(workspace), { customerId, messageId, action }, now),
  )
  return noted === null ? { kind: 'not-found' } : { kind: 'noted', row: noted }
}

const userAgentCharactersMax = 512
