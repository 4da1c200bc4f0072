import type { Clock } from '#contracts/clock.ts'
import type { EngagementPayload, LogRecord } from '#contracts/event.ts'
import type { EventLog } from '#contracts/event-log.ts'
import { stableId } from '#platform/ids/ids.ts'
import type { Store } from '#platform/store/store.ts'
import { isSuspectedScanner } from './suspected-scanner.ts'

export interface Click {
  workspace: string
  messageId: string
  url: string
  method: string
  userAgent: string
}

/** A reload within this long is the same click. */
const sameClickMs = 2000
const recentMax = 10_000
const userAgentCharactersMax = 512

/** Puts clicks of signed links into the event log, as durably as any event. */
export function createClicks({
  store,
  log,
  clock,
  wallClock,
}: {
  store: Store
  log: Pick<EventLog, 'append'>
  clock: Clock
  wallClock: Clock
}): { record(click: Click): Promise<'recorded' | 'unknown-message' | 'full' | 'unavailable'> } {
  const startOf = createStarts()
  return {
    async record({ workspace, messageId, url, method, userAgent }) {
      const message = await store.read
        .workspace(workspace)
        .selectFrom('messages')
        .select('messages.customer_id')
        .where('messages.message_id', '=', messageId)
        .executeTakeFirst()
      if (message === undefined) return 'unknown-message'
      const receivedAt = wallClock.now()
      const suspected = isSuspectedScanner(method, userAgent)
      const startedAt = startOf(stableId(workspace, messageId, url, String(suspected)), receivedAt)
      const record: LogRecord<EngagementPayload> = {
        v: 1,
        workspace,
        eventId: stableId('click', messageId, url, String(suspected), String(startedAt)),
        customerId: message.customer_id,
        kind: 'click',
        occurredAt: clock.now(),
        receivedAt,
        payload: {
          messageId,
          url,
          userAgent: userAgent.slice(0, userAgentCharactersMax),
          ...(suspected ? { suspectedScanner: true } : {}),
        },
      }
      const key = `${workspace}\u0000${message.customer_id}`
      const result = await log.append([{ key, body: JSON.stringify(record) }])
      return result.kind === 'appended' ? 'recorded' : result.kind
    },
  }
}

/** When the click began that a request belongs to: its own time, or that of the one just before. */
function createStarts(): (key: string, now: number) => number {
  const recent = new Map<string, number>()
  return (key, now) => {
    const startedAt = recent.get(key)
    if (startedAt !== undefined && now - startedAt < sameClickMs && now >= startedAt) return startedAt
    recent.delete(key)
    if (recent.size >= recentMax) recent.delete(recent.keys().next().value ?? '')
    recent.set(key, now)
    return now
  }
}
