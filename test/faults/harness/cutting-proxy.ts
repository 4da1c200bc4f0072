import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/**
 * Where a connection is cut: before any byte of the request went on, in its midst, or when the broker has
 * taken it and before its answer comes back.
 */
export const cuts = ['before', 'amid', 'after'] as const
export type Cut = (typeof cuts)[number]

/** A TCP proxy in front of one Kafka listener. */
export interface CuttingProxy {
  /** Cuts the next connection that produces; resolves when it is done. */
  cutNext(cut: Cut): Promise<void>
  close(): Promise<void>
}

interface Order {
  cut: Cut
  done: () => void
}

/** `api_key` of a produce request: the first field after the four bytes of the request's size. */
const produceKey = 0
const headBytes = 6

export async function startCuttingProxy(ports: { listen: number; target: number }): Promise<CuttingProxy> {
  const orders: Order[] = []
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const broker = connect(ports.target, '127.0.0.1')
    sockets.add(client)
    const end = (): void => {
      client.destroy()
      broker.destroy()
      sockets.delete(client)
    }
    for (const socket of [client, broker]) socket.setNoDelay(true).on('error', end).on('close', end)
    forward(client, broker, orders, end)
  })
  server.listen(ports.listen, '127.0.0.1')
  await once(server, 'listening')
  return {
    cutNext: (cut) => new Promise((done) => orders.push({ cut, done })),
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** Request by request to the broker, its answers as they come, until an order cuts both. */
function forward(client: Socket, broker: Socket, orders: Order[], end: () => void): void {
  let swallowing: Order | undefined
  let pending = Buffer.alloc(0)
  client.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= headBytes) {
      const size = 4 + pending.readInt32BE(0)
      if (pending.length < size) break
      const request = pending.subarray(0, size)
      pending = pending.subarray(size)
      const order = request.readInt16BE(4) === produceKey ? orders.shift() : undefined
      if (order === undefined) {
        broker.write(request)
      } else if (order.cut === 'after') {
        swallowing = order
        broker.write(request)
      } else {
        const sent = order.cut === 'amid' ? request.subarray(0, size / 2) : Buffer.alloc(0)
        broker.write(sent, () => {
          end()
          order.done()
        })
        return
      }
    }
  })
  broker.on('data', (chunk) => {
    if (swallowing === undefined) {
      client.write(chunk)
      return
    }
    end()
    swallowing.done()
  })
}
