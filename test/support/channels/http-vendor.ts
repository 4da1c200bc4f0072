import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ChannelCase } from './harness.ts'

export interface VendorCall {
  method: string
  /** With its query. */
  path: string
  headers: IncomingHttpHeaders
  body: string
}

export interface VendorAnswer {
  status: number
  headers?: Record<string, string>
  body?: string
}

export interface Vendor {
  /** What a strict reader of the vendor's API finds wrong with a call. */
  faultsOf(call: VendorCall): string[] | Promise<string[]>
  /** The idempotency key, wherever this vendor has it. */
  keyOf(call: VendorCall): string | Promise<string>
  /** Of a call that is taken. */
  accepts(key: string): VendorAnswer
}

/** `hang`: took it, never answers. `cut`: the answer ends in its middle. `drop`: ends the connection instead. */
type Next = VendorAnswer | 'hang' | 'cut' | 'drop' | 'echo'

/** A vendor's API on loopback: strict about every call, and it behaves as asked for the next one. */
export async function startHttpVendor(vendor: Vendor) {
  const received: string[] = []
  const attempted: string[] = []
  const complaints: string[] = []
  let next: Next | null = null
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const call: VendorCall = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    }
    const key = await vendor.keyOf(call)
    attempted.push(key)
    const faults = await vendor.faultsOf(call)
    complaints.push(...faults)
    const how = next
    next = null
    if (how === null && faults.length === 0) {
      if (!received.includes(key)) received.push(key)
      return send(response, vendor.accepts(key))
    }
    await misbehave(response, how ?? { status: 400, body: faults.join('; ') }, call)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    received: async () => received,
    attempted: () => attempted,
    complaints: () => complaints,
    next: (how: Next) => () => {
      next = how
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export type HttpVendorServer = Awaited<ReturnType<typeof startHttpVendor>>

/** What every vendor over HTTP may do, with the same meaning for all. */
export function commonCases(server: HttpVendorServer): ChannelCase[] {
  return [
    { name: '500', next: server.next({ status: 500 }), result: { kind: 'transient' } },
    {
      name: '503 with Retry-After in seconds',
      next: server.next({ status: 503, headers: { 'retry-after': '120' } }),
      result: { kind: 'transient', retryAfterMs: 120_000 },
    },
    {
      // The suite's clock stands at 2026-01-01T00:00:00Z.
      name: '503 with Retry-After as a date',
      next: server.next({ status: 503, headers: { 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' } }),
      result: { kind: 'transient', retryAfterMs: 30_000 },
    },
    {
      name: '429 with Retry-After',
      next: server.next({ status: 429, headers: { 'retry-after': '7' } }),
      result: { kind: 'throttled', retryAfterMs: 7000 },
    },
    {
      name: 'no answer after it was taken',
      next: server.next('hang'),
      settings: { answerTimeoutMs: 100 },
      result: { kind: 'unknown' },
    },
    { name: 'an answer cut off in its middle', next: server.next('cut'), result: { kind: 'unknown' } },
    {
      name: 'a connection that ends instead of an answer',
      next: server.next('drop'),
      result: { kind: 'unknown' },
    },
    {
      name: 'a 500 that repeats the call',
      next: server.next('echo'),
      result: { kind: 'transient' },
      echoes: true,
    },
  ]
}

/** Of every vendor of mail: it is not called at all. */
export const noAddress: ChannelCase = {
  name: 'a recipient that is no address',
  next: () => {},
  message: { address: 'nobody' },
  result: { kind: 'permanent', suppress: true },
}

async function misbehave(response: ServerResponse, how: Next, call: VendorCall): Promise<void> {
  if (how === 'hang') return
  if (how === 'drop') {
    response.destroy()
    return
  }
  if (how === 'cut') {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
    response.write('{"id":')
    await new Promise((resolve) => setImmediate(resolve))
    response.destroy()
    return
  }
  if (how === 'echo') {
    const text = `${call.headers.authorization} ${call.headers['webhook-signature']} ${call.body}`
    const body = JSON.stringify({ message: text, code: 1, errors: [{ field: 'a', message: text }] })
    return send(response, { status: 500, body })
  }
  send(response, how)
}

function send(response: ServerResponse, { status, headers, body }: VendorAnswer): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(body ?? '{}')
}

/** One complaint where it does not hold. */
export function demand(holds: boolean, complaint: string): string[] {
  return holds ? [] : [complaint]
}

/** Complaints about keys that the published schema does not have. */
export function noOthers(object: object, known: readonly string[], where: string): string[] {
  return Object.keys(object)
    .filter((key) => !known.includes(key))
    .map((key) => `${where}: ${key} is not in the published schema`)
}

export function jsonOf<T>(body: string): T {
  try {
    return JSON.parse(body) as T
  } catch {
    return {} as T
  }
}
