import type { Clock } from '#contracts/clock.ts'
import type { EngagementPayload, LogRecord } from '#contracts/event.ts'
import type { EventLog } from '#contracts/event-log.ts'
import { stableId } from '#platform/ids/ids.ts'
import type { Store } from '#platform/store/store.ts'
import { type EngagementRequest, signOfEngagement } from './machine-sign.ts'

/** A request for a signed link, or for the image at the end of a mail. */
export interface Engagement extends Pick<EngagementRequest, 'userAgent' | 'headers'> {
  kind: 'click' | 'open'
  workspace: string
  messageId: string
  /** Of a click. */
  url?: string
  method: string
}

export type RecordedEngagement = 'recorded' | 'unknown-message' | 'full' | 'unavailable'

/** A reload within this long is the same click; an image is fetched again as often as its mail is looked at. */
const sameMs = { click: 2000, open: 60_000 }
const recentMax = 10_000
const userAgentCharactersMax = 512

/** Puts clicks and opens into the event log, as durably as any event. */
export function createEngagements({
  store,
  log,
  clock,
  wallClock,
}: {
  store: Store
  log: Pick<EventLog, 'append'>
  clock: Clock
  wallClock: Clock
}): { record(engagement: Engagement): Promise<RecordedEngagement> } {
  const startOf = createStarts()
  return {
    async record({ kind, workspace, messageId, url, method, userAgent, headers = {} }) {
      const message = await store.read
        .workspace(workspace)
        .selectFrom('messages')
        .select(['messages.customer_id', 'messages.channel', 'messages.sending_at'])
        .where('messages.message_id', '=', messageId)
        .executeTakeFirst()
      if (message === undefined) return 'unknown-message'
      const receivedAt = wallClock.now()
      const now = clock.now()
      const isMail = message.channel === 'email'
      const sign = signOfEngagement(kind, {
        method,
        userAgent,
        headers,
        ...(isMail && message.sending_at !== null ? { sinceSendMs: now - message.sending_at } : {}),
      })
      const parts = [messageId, url ?? '', sign ?? '']
      const startedAt = startOf(stableId(kind, workspace, ...parts), receivedAt, sameMs[kind])
      const record: LogRecord<EngagementPayload> = {
        v: 1,
        workspace,
        eventId: stableId(kind, ...parts, String(startedAt)),
        customerId: message.customer_id,
        kind,
        occurredAt: now,
        receivedAt,
        payload: {
          messageId,
          ...(url === undefined ? {} : { url }),
          userAgent: userAgent.slice(0, userAgentCharactersMax),
          ...(sign === null ? {} : { suspectedScanner: true, machine: sign }),
          ...(sign === null && kind === 'click' && isMail ? { held: true } : {}),
        },
      }
      const key = `${workspace}\u0000${message.customer_id}`
      const result = await log.append([{ key, body: JSON.stringify(record) }])
      return result.kind === 'appended' ? 'recorded' : result.kind
    },
  }
}

/** When the click began that a request belongs to: its own time, or that of the one just before. */
function createStarts(): (key: string, now: number, withinMs: number) => number {
  const recent = new Map<string, number>()
  return (key, now, withinMs) => {
    const startedAt = recent.get(key)
    if (startedAt !== undefined && now - startedAt < withinMs && now >= startedAt) return startedAt
    recent.delete(key)
    if (recent.size >= recentMax) recent.delete(recent.keys().next().value ?? '')
    recent.set(key, now)
    return now
  }
}
