import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'

export interface Call {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: Buffer
}

export interface Reply {
  status: number
  headers?: Record<string, string>
  body?: string
}

/** How a call may end otherwise: never answered, or the connection closed once all of it was read. */
export type Ending = Reply | 'silence' | 'reset'

export interface LoopbackOptions {
  http2?: boolean
  /** Default: a free one. */
  port?: number
  /** What is wrong with a call by the vendor's published API; such a call is refused with 400. */
  faultsOf(call: Call): string[] | Promise<string[]>
  keyOf(call: Call): string
  accepts(call: Call, key: string): Reply
  /** Paths that are no sends: they are answered by this. */
  beside?(call: Call): Promise<Reply | null> | Reply | null
}

export interface Loopback {
  url: string
  calls: Call[]
  /** Keys of what was accepted, each once. */
  received(): Promise<string[]>
  attempted(): string[]
  complaints(): string[]
  /** Makes the next send end so. */
  next(ending: Ending): () => void
  close(): Promise<void>
}

/** A push service on this machine, as strict as the real one. */
export async function startLoopback(options: LoopbackOptions): Promise<Loopback> {
  const calls: Call[] = []
  const received: string[] = []
  const attempted: string[] = []
  const complaints: string[] = []
  const endings: Ending[] = []
  const sockets = new Set<{ destroy(): void }>()

  const answer = async (call: Call): Promise<Ending> => {
    const aside = (await options.beside?.(call)) ?? null
    if (aside !== null) return aside
    calls.push(call)
    const faults = await options.faultsOf(call)
    complaints.push(...faults)
    if (faults.length > 0) return { status: 400, body: faults.join('; ') }
    const key = options.keyOf(call)
    attempted.push(key)
    const ending = endings.shift()
    if (ending !== undefined) return ending
    if (!received.includes(key)) received.push(key)
    return options.accepts(call, key)
  }

  // The compatibility interface of HTTP/2 is that of HTTP/1 in all that is used here.
  const onRequest = async (request: never, response: never): Promise<void> => {
    const incoming = request as import('node:http').IncomingMessage
    const outgoing = response as import('node:http').ServerResponse
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const ending = await answer({
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      headers: incoming.headers,
      body: Buffer.concat(chunks),
    })
    if (ending === 'silence') return
    if (ending === 'reset') {
      const stream = (response as { stream?: { close(code: number): void } }).stream
      if (stream === undefined) incoming.socket.destroy()
      else stream.close(2)
      return
    }
    outgoing.writeHead(ending.status, ending.headers ?? {})
    outgoing.end(ending.body ?? '')
  }
  const server =
    options.http2 === true ? createHttp2Server(onRequest as never) : createServer(onRequest as never)
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    received: async () => received,
    attempted: () => attempted,
    complaints: () => complaints,
    next: (ending) => () => {
      endings.push(ending)
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** The fault, where it is one. */
export function demand(isRight: boolean, what: string): string[] {
  return isRight ? [] : [what]
}

/** Endings that every HTTP service has alike. */
export function commonCases(server: Loopback) {
  return [
    {
      name: '500',
      next: server.next({ status: 500 }),
      result: { kind: 'transient' as const },
    },
    {
      name: '503 with Retry-After',
      next: server.next({ status: 503, headers: { 'retry-after': '7' } }),
      result: { kind: 'transient' as const, retryAfterMs: 7000 },
    },
    {
      name: '429 with Retry-After',
      next: server.next({ status: 429, headers: { 'retry-after': '11' } }),
      result: { kind: 'throttled' as const, retryAfterMs: 11_000 },
    },
    {
      name: 'a connection closed without an answer',
      next: server.next('reset'),
      result: { kind: 'unknown' as const },
    },
    {
      name: 'no answer',
      next: server.next('silence'),
      settings: { answerTimeoutMs: 150 },
      result: { kind: 'unknown' as const },
    },
  ]
}
