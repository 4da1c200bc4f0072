import { connect } from 'node:net'

/**
 * A load generator of its own process: keep-alive connections that each send a ready request as soon as
 * the answer to the last is in. It parses no more of an answer than it must, so that the cores are the server's.
 */
interface LoadOrder {
  port: number
  connections: number
  warmUpMs: number
  measureMs: number
}

process.on('message', (order: LoadOrder) => {
  void run(order).then((requests) => process.send!({ requests }))
})

const EVENTS_PER_REQUEST = 20
const bodies = Array.from({ length: 64 }, (_, i) => requestBytes(i))

async function run({ port, connections, warmUpMs, measureMs }: LoadOrder): Promise<number> {
  const sockets = Array.from({ length: connections }, () =>
    connect({ port, host: '127.0.0.1', noDelay: true }),
  )
  let requests = 0
  let next = 0
  let failed: string | null = null
  for (const socket of sockets) {
    let answer = ''
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      answer += text
      const headEnd = answer.indexOf('\r\n\r\n')
      if (headEnd === -1) return
      const length = Number(/content-length: (\d+)/i.exec(answer)?.[1])
      if (answer.length < headEnd + 4 + length) return
      if (!answer.startsWith('HTTP/1.1 200')) failed = answer
      answer = ''
      requests++
      socket.write(bodies[next++ % bodies.length]!)
    })
    socket.on('error', (error) => {
      failed = error.message
    })
    socket.write(bodies[next++ % bodies.length]!)
  }
  await wait(warmUpMs)
  const before = requests
  const startedAt = performance.now()
  await wait(measureMs)
  const perSecond = ((requests - before) * 1000) / (performance.now() - startedAt)
  for (const socket of sockets) socket.destroy()
  if (failed !== null) throw new Error(`the server answered: ${failed}`)
  return perSecond
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** A batch as the node client writes it, about 400 bytes an event. */
function requestBytes(seed: number): Buffer {
  const at = new Date().toISOString()
  const batch = Array.from({ length: EVENTS_PER_REQUEST }, (_, i) =>
    eventOf(seed * EVENTS_PER_REQUEST + i, at),
  )
  const body = JSON.stringify({ batch, writeKey: 'bench:key', sentAt: at })
  const head = [
    'POST /v1/batch HTTP/1.1',
    'Host: 127.0.0.1',
    'Content-Type: application/json',
    `Authorization: Basic ${Buffer.from('bench:key:').toString('base64')}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function eventOf(number: number, at: string) {
  return {
    timestamp: at,
    integrations: {},
    type: 'track',
    event: 'Product Viewed',
    userId: `customer-${number}`,
    properties: {
      productId: `sku-${number % 97}`,
      category: 'shoes',
      price: 79.9,
      currency: 'EUR',
      position: number % 9,
    },
    context: { library: { name: '@segment/analytics-node', version: '3.1.0' }, locale: 'de-DE' },
    messageId: `node-next-${at}-${number}`.padEnd(72, '0'),
    _metadata: { nodeVersion: '24.21.0', jsRuntime: 'node' },
  }
}
