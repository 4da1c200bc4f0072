import type { LogRecord, ProductEventPayload, RejectedPayload } from '#contracts/event.ts'
import type { EventLog } from '#contracts/event-log.ts'
import { customerIdOf } from '#platform/ids/ids.ts'
import { createInThreadLog, type InThreadLog } from '#platform/log/in-thread-log.ts'
import type { IdentityPort } from '../../../../src/ingest/identity-port.ts'
import { createIngest, type Ingest, type IngestAnswer } from '../../../../src/ingest/ingest.ts'
import { DEFAULT_INGEST_LIMITS } from '../../../../src/ingest/ingest-limits.ts'
import { parsePostHog } from '../../../../src/ingest/parse-posthog.ts'
import { parseRequest, type RequestShape } from '../../../../src/ingest/parse-request.ts'

/** Tuesday, 2 January 2024, 12:00 UTC. */
export const receivedAt = Date.UTC(2024, 0, 2, 12)

/** The rules of links, in memory: an anonymous id joins the user it was last linked to. */
export function createIdentityTable(): IdentityPort & { calls: string[] } {
  const linked = new Map<string, string>()
  const calls: string[] = []
  const own = (
    workspace: string,
    { userId, anonymousId }: { userId?: string; anonymousId?: string },
  ): string =>
    userId === undefined
      ? customerIdOf(workspace, 'anonymous', anonymousId ?? '')
      : customerIdOf(workspace, 'user', userId)
  const canonical = (customerId: string): string => linked.get(customerId) ?? customerId
  const link: IdentityPort['link'] = async (workspace, { userId, anonymousId }) => {
    calls.push(`link ${anonymousId} ${userId}`)
    const from = own(workspace, { anonymousId })
    const customerId = canonical(own(workspace, { userId }))
    linked.set(from, customerId)
    return { customerId, mergeFrom: [from] }
  }
  return {
    calls,
    link,
    async linkEither(workspace, { userId, anonymousId }) {
      const { customerId, mergeFrom } = await link(workspace, { userId, anonymousId }, 0)
      const from = own(workspace, { userId: anonymousId })
      linked.set(from, customerId)
      return { customerId, mergeFrom: [...mergeFrom, from] }
    },
    async resolveMany(workspace, ids) {
      return ids.map((id) => canonical(own(workspace, id)))
    },
    async alias(workspace, { userId, previousId }) {
      calls.push(`alias ${previousId} ${userId}`)
      const from = own(workspace, { userId: previousId })
      const customerId = own(workspace, { userId })
      linked.set(from, customerId)
      return { customerId, mergeFrom: [from] }
    },
  }
}

export interface IngestWorld {
  log: InThreadLog
  ingest: Ingest
  identities: ReturnType<typeof createIdentityTable>
  /** Sends a body through parse and ingest, as the door does. */
  send(body: unknown, shape?: RequestShape | 'posthog', at?: number): Promise<IngestAnswer>
  /** Everything in the log, read back by a consumer. */
  records(): Promise<LogRecord[]>
  close(): Promise<void>
}

export function createIngestWorld(): IngestWorld {
  const log = createInThreadLog({ file: ':memory:', wallClock: { now: () => receivedAt } })
  const identities = createIdentityTable()
  const ingest = createIngest({ log, identities })
  return {
    log,
    ingest,
    identities,
    async send(body, shape = 'batch', at = receivedAt) {
      const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.from(JSON.stringify(body))
      const parsed =
        shape === 'posthog'
          ? await parsePostHog(bytes, DEFAULT_INGEST_LIMITS)
          : parseRequest(bytes, shape, DEFAULT_INGEST_LIMITS)
      return 'events' in parsed ? ingest.ingest('shop', parsed, at) : { kind: 'fault', fault: parsed }
    },
    records: () => readLog(log),
    close: () => log.close(),
  }
}

/** All records of a log, in the order of their offsets within each partition. */
export async function readLog(log: EventLog): Promise<LogRecord[]> {
  const consumer = log.consumer('reader')
  for (const partition of consumer.assigned()) consumer.seek(partition, 0)
  const records: LogRecord[] = []
  for (;;) {
    const batch = await consumer.poll(10_000, 0)
    if (batch === null) break
    for (const record of batch.records) {
      if (record === null) throw new Error('a record in the log cannot be read')
      records.push(record)
    }
  }
  await consumer.close()
  return records
}

export function product(record: LogRecord | undefined): ProductEventPayload {
  return record!.payload as ProductEventPayload
}

export function refused(record: LogRecord | undefined): RejectedPayload {
  return record!.payload as RejectedPayload
}
