import { connect, type Socket } from 'node:net'
import { adminKey, customersCount, placement, writeKey } from './scene.ts'

/**
 * An open loop in a process of its own: request i is due at i / rate, whether or not the ones before have been
 * answered, and its latency counts from then. A request that finds every connection taken waits, and its
 * waiting counts.
 */
export interface OpenLoad {
  kind: 'decide' | 'append' | 'events'
  port: number
  requestsPerSecond: number
  measureMs: number
  /** For `append`: records of decisions as the product wrote them. */
  samples?: { key: string; body: string }[]
  /** Keeps the ids of slices apart. */
  slice: number
}

export interface OpenLoadResult {
  latenciesMs: number[]
  /** Answers that are no 200. */
  failures: number
  firstFailure: string
  degraded: number
  /** Milliseconds by which each request was sent late by the generator itself: part of its latency. */
  lagsMs: number[]
}

const eventsPerRequest = 20
const connectionsMax = 256

process.on('message', (load: OpenLoad) => {
  void run(load).then((result) => process.send!(result))
})

async function run(load: OpenLoad): Promise<OpenLoadResult> {
  const result: OpenLoadResult = { latenciesMs: [], failures: 0, firstFailure: '', degraded: 0, lagsMs: [] }
  const makeRequest = requestMaker(load)
  const total = Math.round((load.requestsPerSecond * load.measureMs) / 1000)
  const gapMs = 1000 / load.requestsPerSecond
  const free: Connection[] = []
  const waiting: { bytes: Buffer; dueAt: number }[] = []
  let connections = 0
  let answered = 0
  const { promise, resolve } = Promise.withResolvers<void>()

  const onAnswer = (connection: Connection, answer: string, dueAt: number): void => {
    result.latenciesMs.push(performance.now() - dueAt)
    if (!answer.startsWith('HTTP/1.1 200')) {
      result.failures += 1
      if (result.firstFailure === '') result.firstFailure = answer.slice(0, 600)
    } else if (answer.includes('"outcome":"degraded"')) {
      result.degraded += 1
    }
    answered += 1
    const next = waiting.shift()
    if (next === undefined) free.push(connection)
    else connection.send(next.bytes, next.dueAt)
    if (answered === total) resolve()
  }
  const dispatch = (bytes: Buffer, dueAt: number): void => {
    const connection = free.pop()
    if (connection !== undefined) {
      connection.send(bytes, dueAt)
    } else if (connections < connectionsMax) {
      connections += 1
      openConnection(load.port, onAnswer).send(bytes, dueAt)
    } else {
      waiting.push({ bytes, dueAt })
    }
  }

  const startedAt = performance.now() + 20
  let sent = 0
  const timer = setInterval(() => {
    for (;;) {
      const lagMs = performance.now() - (startedAt + sent * gapMs)
      if (sent === total || lagMs < 0) break
      result.lagsMs.push(lagMs)
      dispatch(makeRequest(sent), startedAt + sent * gapMs)
      sent += 1
    }
    if (sent === total) clearInterval(timer)
  }, 1)
  await promise
  for (const connection of free) connection.socket.destroy()
  return result
}

interface Connection {
  socket: Socket
  send(bytes: Buffer, dueAt: number): void
}

function openConnection(
  port: number,
  onAnswer: (connection: Connection, answer: string, dueAt: number) => void,
): Connection {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let dueAt = 0
  let chunks: Buffer[] = []
  let bytes = 0
  let expected = -1
  const connection: Connection = {
    socket,
    send(request, due) {
      dueAt = due
      socket.write(request)
    },
  }
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    bytes += chunk.length
    if (expected < 0) {
      const soFar = Buffer.concat(chunks)
      const headEnd = soFar.indexOf('\r\n\r\n')
      if (headEnd < 0) return
      expected =
        headEnd + 4 + Number(/content-length: (\d+)/i.exec(soFar.toString('latin1', 0, headEnd))?.[1])
    }
    if (bytes < expected) return
    const answer = Buffer.concat(chunks).toString('latin1')
    chunks = []
    bytes = 0
    expected = -1
    onAnswer(connection, answer, dueAt)
  })
  socket.on('error', (error) => {
    throw error
  })
  return connection
}

/** The i-th request of the load. */
function requestMaker({ kind, samples, slice }: OpenLoad): (i: number) => Buffer {
  if (kind === 'events') return eventRequests(slice)
  if (kind === 'append') return appendRequests(samples ?? [], slice)
  const head = `POST /api/v1/decisions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAuthorization: Bearer ${adminKey}\r\n`
  return (i) => {
    const number = (i * 7919 + slice * 104_729) % customersCount
    const body = JSON.stringify({
      placement,
      userId: `user-${number}`,
      context: { page: `/products/${i % 97}`, device: 'phone' },
      idempotencyKey: `${slice}-${i}-${number}`,
    })
    return Buffer.from(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  }
}

/** The same bytes as the product appends, with ids of their own, so that the worker stores them as well. */
function appendRequests(samples: { key: string; body: string }[], slice: number): (i: number) => Buffer {
  const prepared = samples.map(({ key, body }) => {
    const id = /"eventId":"([0-9a-f]{32})"/.exec(body)?.[1] as string
    return { key, id, body }
  })
  const head = 'POST /append HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n'
  return (i) => {
    const { key, id, body } = prepared[i % prepared.length]!
    const own = `${id.slice(0, 4)}${(slice * 1_000_000 + i).toString(16).padStart(28, '0')}`
    const text = body.replaceAll(id, own)
    return Buffer.from(
      `${head}X-Key: ${encodeKey(key)}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
    )
  }
}

/** The key's NUL cannot stand in a header; another character chooses partitions as well. */
function encodeKey(key: string): string {
  return key.replaceAll('\u0000', '/')
}

/**
 * One body, made once, with its ids and times put in: to build 20 events for each of 1000 requests a second
 * would take a tenth of the machine from the server.
 */
function eventRequests(slice: number): (i: number) => Buffer {
  const head = `POST /v1/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAuthorization: Basic ${Buffer.from(`${writeKey}:`).toString('base64')}\r\n`
  const batch = Array.from({ length: eventsPerRequest }, (_, e) => ({
    timestamp: timeMark,
    type: 'track',
    event: 'Product Viewed',
    userId: userMark,
    properties: { productId: `sku-${e}`, category: 'shoes', price: 79.9, currency: 'EUR', position: e },
    context: { library: { name: '@segment/analytics-node', version: '3.1.0' }, locale: 'de-DE' },
    messageId: messageMark,
    _metadata: { nodeVersion: '24.21.0', jsRuntime: 'node' },
  }))
  const pieces = JSON.stringify({ batch, sentAt: timeMark }).split(/(#time#|#user#|#message#)/)
  return (i) => {
    const at = new Date().toISOString()
    let e = -1
    const made = pieces.map((piece) => {
      if (piece === timeMark) return at
      if (piece === userMark) {
        e += 1
        return `user-${(i * eventsPerRequest + e * 31) % customersCount}`
      }
      return piece === messageMark ? `event-${slice}-${i}-${e}`.padEnd(72, '0') : piece
    })
    const body = made.join('')
    return Buffer.from(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  }
}

const timeMark = '#time#'
const userMark = '#user#'
const messageMark = '#message#'
