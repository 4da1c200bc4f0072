import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Server, Socket } from 'node:net'
import { SMTPServer } from 'smtp-server'
import { createSeededRandom } from '#platform/random/seeded-random.ts'

/**
 * Three providers in a process of their own, each with its bad moments: an SMTP server, a service over HTTP that
 * honours idempotency keys, and one that does not. What they do is drawn from the seed and told in `Call`s.
 */
export interface Call {
  provider: ProviderName
  /** When it was noticed here, by this process' own clock, in ms. */
  at: number
  /** '' where the call ended before the message was named. */
  messageId: string
  to: string
  /** Taken: it goes to the customer. `repeated`: a key that was taken before. */
  effect: 'taken' | 'repeated' | 'refused'
  what: string
}
export type ProviderName = 'smtp' | 'http-keyed' | 'http-plain'
export type SinkMessage =
  | { kind: 'listening'; ports: Record<ProviderName, number> }
  | { kind: 'calls'; calls: Call[] }
  | { kind: 'bounce'; to: string }

const seed = Number(process.argv[2] ?? 1)
const random = createSeededRandom(seed)
const apiKey = 'faults-key-1234'
/** Answers take so long. */
const answerMs = 15
let calls: Call[] = []
let calm = false
let begunAt: number | null = null

interface Outage {
  fromS: number
  untilS: number
  what: string
  /** So often it was met: one that nobody has met goes on, however seldom the provider is called. */
  met?: number
}

/** Seconds since the first call of all, in which a provider is out; what else goes wrong is a matter of luck. */
const outages: Record<ProviderName, Outage[]> = {
  smtp: [{ fromS: 12, untilS: 16, what: 'gone' }],
  'http-keyed': [
    { fromS: 4, untilS: 7, what: '503' },
    { fromS: 18, untilS: 20, what: '429' },
  ],
  'http-plain': [
    { fromS: 8, untilS: 11, what: '401' },
    { fromS: 22, untilS: 24, what: '429' },
  ],
}
const luck: [number, string][] = [
  [0.03, '500'],
  [0.035, 'silent after taking it'],
  [0.04, 'closed mid-body after taking it'],
  [0.055, 'bounced later'],
]

function whatHappens(provider: ProviderName): string {
  begunAt ??= performance.now()
  if (calm) return 'taken'
  const out = outageOf(provider)
  if (out !== undefined) return out
  const draw = random.next()
  return luck.find(([until]) => draw < until)?.[1] ?? 'taken'
}

function outageOf(provider: ProviderName): string | undefined {
  if (calm || begunAt === null) return undefined
  const seconds = (performance.now() - begunAt) / 1000
  const outage = outages[provider].find(
    ({ fromS, untilS, met = 0 }) => seconds >= fromS && (seconds < untilS || met === 0),
  )
  if (outage !== undefined) outage.met = (outage.met ?? 0) + 1
  return outage?.what
}

function note(provider: ProviderName, call: Omit<Call, 'provider' | 'at'>, at = performance.now()): void {
  calls.push({ provider, at, ...call })
}

const isTaken = (what: string): boolean => !['gone', '401', '429', '500', '503'].includes(what)

function bounceLater(to: string): void {
  setTimeout(() => tell({ kind: 'bounce', to }), 300)
}

// ── over HTTP ──

function httpProvider(provider: ProviderName, honoursKeys: boolean): Server {
  const taken = new Set<string>()
  return createServer(async (request, response) => {
    const at = performance.now()
    const key = String(request.headers['idempotency-key'] ?? '')
    const { to = '' } = (await bodyOf(request)) as { to?: string }
    if (request.headers.authorization !== `Bearer ${apiKey}`) {
      note(provider, { messageId: key, to, effect: 'refused', what: 'wrong key' }, at)
      return answer(response, 401)
    }
    if (honoursKeys && taken.has(key)) {
      note(provider, { messageId: key, to, effect: 'repeated', what: 'repeated' }, at)
      return answer(response, 202, { id: `p-${key}` })
    }
    const what = whatHappens(provider)
    if (isTaken(what)) taken.add(key)
    note(provider, { messageId: key, to, effect: isTaken(what) ? 'taken' : 'refused', what }, at)
    if (what === 'bounced later') bounceLater(to)
    if (what.startsWith('silent')) return
    if (what.startsWith('closed')) {
      response.writeHead(202, { 'content-type': 'application/json', 'content-length': '1000' })
      response.write('{"id":')
      return void setTimeout(() => response.destroy(), answerMs)
    }
    if (what === '429' || what === '503') return answer(response, Number(what), {}, { 'retry-after': '1' })
    return answer(response, isTaken(what) ? 202 : Number(what), { id: `p-${key}` })
  })
}

function answer(response: ServerResponse, status: number, body = {}, headers = {}): void {
  setTimeout(() => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify(body))
  }, answerMs)
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString() || '{}')
}

// ── over SMTP ──

const sockets = new Map<number, Socket>()
/** The call counts from here: MAIL begins a transaction. */
const begun = new WeakMap<object, number>()
const refusal = (code: number, text: string) => Object.assign(new Error(text), { responseCode: code })

const smtp = new SMTPServer({
  disabledCommands: ['STARTTLS', 'AUTH'],
  logger: false,
  onMailFrom(_, session, callback) {
    begun.set(session, performance.now())
    callback()
  },
  onRcptTo({ address }, session, callback) {
    if (!address.startsWith('gone-')) return callback()
    note('smtp', { messageId: '', to: address, effect: 'refused', what: '550' }, begun.get(session))
    callback(refusal(550, '5.1.1 no such user'))
  },
  onData(stream, session, callback) {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      const messageId = /^message-id: <([^@>]+)@/im.exec(Buffer.concat(chunks).toString('latin1'))?.[1] ?? ''
      const to = session.envelope.rcptTo[0]?.address ?? ''
      const drawn = whatHappens('smtp')
      // It takes the text and is gone before it says so.
      const what = drawn === 'gone' ? 'closed mid-body after taking it' : drawn
      note('smtp', { messageId, to, effect: isTaken(what) ? 'taken' : 'refused', what }, begun.get(session))
      if (what === 'bounced later') bounceLater(to)
      if (what.startsWith('closed')) return void sockets.get(session.remotePort)?.destroy()
      if (what.startsWith('silent')) return
      setTimeout(() => callback(isTaken(what) ? null : refusal(451, '4.3.0 out of order')), answerMs)
    })
  },
})
smtp.on('error', () => {})
smtp.server.on('connection', (socket: Socket) => {
  if (outageOf('smtp') !== undefined) return void socket.destroy()
  const port = socket.remotePort ?? 0
  sockets.set(port, socket)
  socket.once('close', () => sockets.delete(port))
})

// ── both ──

process.on('message', (message) => {
  if (message === 'calm') calm = true
  if (message === 'calls') {
    tell({ kind: 'calls', calls })
    calls = []
  }
})
process.on('disconnect', () => process.exit(0))

function tell(message: SinkMessage): void {
  process.send?.(message)
}

const servers: Record<ProviderName, Server> = {
  smtp: smtp.server as unknown as Server,
  'http-keyed': httpProvider('http-keyed', true),
  'http-plain': httpProvider('http-plain', false),
}
const names = Object.keys(servers) as ProviderName[]
await Promise.all(
  names.map((name) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    if (name === 'smtp') smtp.listen(0, '127.0.0.1', () => resolve())
    else servers[name].listen(0, '127.0.0.1', () => resolve())
    return promise
  }),
)
const ports = names.map((name) => [name, (servers[name].address() as AddressInfo).port])
tell({ kind: 'listening', ports: Object.fromEntries(ports) })
