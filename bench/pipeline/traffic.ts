import type { JsonObject } from '#contracts/json.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'

export const customersCount = 20_000
export const eventsPerRequest = 20
export const writeKey = 'bench:pipeline-key'

/** Of how many events one is the trigger of the live campaign. */
export interface Traffic {
  /** Tells this run's events from others; their ids begin with it. */
  prefix: string
  events: number
  oneInDecides: number
}

export function userIdAt(index: number): string {
  return `customer-${index}`
}

/** Requests as the node client writes them, about 400 bytes an event, each event of a customer drawn at random. */
export function requestsOf(traffic: Traffic): Buffer[] {
  const random = createSeededRandom(traffic.events, traffic.oneInDecides)
  const at = new Date().toISOString()
  const requests: Buffer[] = []
  for (let first = 0; first < traffic.events; first += eventsPerRequest) {
    const batch = Array.from({ length: Math.min(eventsPerRequest, traffic.events - first) }, (_, i) =>
      eventOf(traffic, first + i, userIdAt(Math.floor(random.next() * customersCount)), at),
    )
    requests.push(requestBytes(JSON.stringify({ batch, writeKey, sentAt: at })))
  }
  return requests
}

function eventOf({ prefix, oneInDecides }: Traffic, number: number, userId: string, at: string): JsonObject {
  return {
    timestamp: at,
    integrations: {},
    type: 'track',
    event: number % oneInDecides === 0 ? 'Product Added' : 'Product Viewed',
    userId,
    properties: {
      name: 'A pair of shoes',
      productId: `sku-${number % 97}`,
      price: 79.9,
      currency: 'EUR',
      position: number % 9,
    },
    context: { library: { name: '@segment/analytics-node', version: '3.1.0' }, locale: 'de-DE' },
    messageId: `${prefix}-${String(number).padStart(8, '0')}`.padEnd(60, '0'),
    _metadata: { nodeVersion: '24.21.0', jsRuntime: 'node' },
  }
}

function requestBytes(body: string): Buffer {
  const head = [
    'POST /v1/batch HTTP/1.1',
    'Host: 127.0.0.1',
    'Content-Type: application/json',
    `Authorization: Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
}
