import type { Clock } from '#contracts/clock.ts'
import type { EventLog, InboxMessage } from '#contracts/event-log.ts'
import type { Logger } from '#contracts/logger.ts'
import type { Ingest } from './ingest.ts'
import type { IngestLimits } from './ingest-limits.ts'
import { readJson } from './parse-request.ts'

export interface InboxParts {
  ingest: Ingest
  /** The workspace of a write key; null when nobody has it. */
  workspaceOf: (writeKey: string) => Promise<string | null>
  /** Takes what belongs to no workspace. */
  publisher: NonNullable<EventLog['publisher']>
  wallClock: Clock
  logger: Logger
}

/** A message that was read: its event, and the text that is kept where the event is refused. */
interface InboxEvent {
  writeKey: string | null
  event: unknown
  json: string
}

/**
 * Events that other systems produced, through the same rules as those of the HTTP door: a value is one event
 * as in a batch of `/v1/batch`, and the write key is in the header `writeKey` or in the event. Answers false
 * when they must come again.
 *
 * An event without a `messageId` gets the message's place in Kafka, so that it is the same when it comes again.
 */
export function createInbox(parts: InboxParts): (messages: InboxMessage[]) => Promise<boolean> {
  const { ingest, workspaceOf, wallClock } = parts
  return async (messages) => {
    const receivedAt = wallClock.now()
    const known = new Map<string | null, string | null>([[null, null]])
    const byWorkspace = new Map<string, InboxEvent[]>()
    const unknown: InboxMessage[] = []
    for (const message of messages) {
      const read = readMessage(message, ingest.limits)
      const { writeKey } = read
      if (!known.has(writeKey)) known.set(writeKey, await workspaceOf(writeKey!))
      const workspace = known.get(writeKey) ?? null
      if (workspace === null) {
        unknown.push(message)
        continue
      }
      const events = byWorkspace.get(workspace)
      if (events === undefined) byWorkspace.set(workspace, [read])
      else events.push(read)
    }
    for (const [workspace, events] of byWorkspace) {
      const answer = await ingest.ingest(workspace, requestOf(events), receivedAt)
      if (answer.kind === 'fault') return false
    }
    return unknown.length === 0 || (await setAside(parts, unknown, receivedAt))
  }
}

function readMessage({ id, writeKey, body }: InboxMessage, limits: IngestLimits): InboxEvent {
  const read = readJson(body)
  // What is no JSON is kept as a text, which is no event: it is refused with its words.
  const json = 'code' in read ? JSON.stringify(body.toString('utf8', 0, limits.rejectedBytesMax)) : read.json
  const value = 'code' in read ? json : read.value
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { writeKey, event: value, json }
  const own = value as { writeKey?: unknown; messageId?: unknown }
  const key = writeKey ?? (typeof own.writeKey === 'string' && own.writeKey !== '' ? own.writeKey : null)
  const event = (own.messageId ?? '') === '' ? { ...own, messageId: id } : own
  return { writeKey: key, event, json }
}

function requestOf(events: InboxEvent[]) {
  return {
    shape: 'batch' as const,
    events: events.map(({ event }) => event),
    writeKey: null,
    sentAt: undefined,
    context: undefined,
    json: `{"batch":[${events.map(({ json }) => json).join(',')}]}`,
  }
}

/** No workspace's operator may see them: they go where whoever runs Kafka looks. */
async function setAside(
  { publisher, logger, ingest }: InboxParts,
  messages: InboxMessage[],
  receivedAt: number,
): Promise<boolean> {
  logger.warn('events of the inbox have no known write key', {
    events: messages.length,
    first: messages[0]!.id,
  })
  const result = await publisher.publish(
    messages.map(({ id, body }) => ({
      to: 'dead-letters' as const,
      key: id,
      body: JSON.stringify({
        v: 1,
        code: 'unknown_key',
        message: id,
        receivedAt,
        body: body.toString('utf8', 0, ingest.limits.rejectedBytesMax),
      }),
    })),
  )
  return result.kind === 'appended'
}
