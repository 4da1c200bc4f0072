import { Analytics } from '@segment/analytics-node'
import type { ShopEvent } from '../../simulate/shop.ts'

/** The shop's app: the Segment client, as it comes from npm. */
export interface HttpDoor {
  /** Resolves when the server has acknowledged every event; throws when one was not taken. */
  deliver(events: ShopEvent[]): Promise<void>
  close(): Promise<void>
}

/** Well above the client's 15, so that a step is one request or two. */
const flushAt = 500

export function openHttpDoor({ url, writeKey }: { url: string; writeKey: string }): HttpDoor {
  const client = new Analytics({ host: url, writeKey, flushAt, flushInterval: 60_000 })
  const failures: string[] = []
  client.on('error', ({ code, reason }) => failures.push(`${code}: ${String(reason)}`))
  return {
    async deliver(events) {
      for (const event of events) send(client, event)
      await client.flush()
      if (failures.length > 0) throw new Error(`the door refused events: ${failures[0]}`)
    },
    close: () => client.closeAndFlush(),
  }
}

function send(client: Analytics, event: ShopEvent): void {
  const { messageId, properties, traits } = event
  const timestamp = new Date(event.timestamp)
  const who = whoOf(event)
  if (event.type === 'identify') {
    client.identify({ ...who, messageId, timestamp, traits: traits ?? {} })
  } else if (event.type === 'page') {
    client.page({ ...who, messageId, timestamp, properties: properties ?? {} })
  } else {
    client.track({ ...who, messageId, timestamp, event: event.event ?? '', properties: properties ?? {} })
  }
}

function whoOf({
  userId,
  anonymousId,
}: ShopEvent): { userId: string; anonymousId?: string } | { anonymousId: string } {
  if (userId !== undefined) return anonymousId === undefined ? { userId } : { userId, anonymousId }
  if (anonymousId !== undefined) return { anonymousId }
  throw new Error('an event is about somebody')
}
