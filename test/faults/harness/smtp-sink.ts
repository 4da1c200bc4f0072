import { SMTPServer } from 'smtp-server'

/** What the sink tells its parent. A mail counts from the instant at which all of its text was here. */
export type SinkReport =
  | { kind: 'listening'; port: number }
  | { kind: 'begun'; to: string }
  | { kind: 'accepted'; to: string; messageId: string; unsubscribeUrl: string; at: number }
  | { kind: 'deferred'; to: string; messageId: string }

/**
 * A real SMTP server in its own process, which outlives the engine's. It takes its time to answer, so that a
 * message is really under way when the engine dies, and defers a few first attempts with a 4xx.
 */
const answerLeastMs = 40
const answerMostMs = 90
/** One in so many messages is deferred, once, until the parent says that it is time to be calm. */
const deferOneIn = 25

const deferred = new Set<string>()
let calm = false
let answers = 0

process.on('message', (message) => {
  if (message === 'calm') calm = true
})
process.on('disconnect', () => process.exit(0))

const server = new SMTPServer({
  disabledCommands: ['STARTTLS', 'AUTH'],
  logger: false,
  onData(stream, session, callback) {
    const to = session.envelope.rcptTo.map(({ address }) => address).join()
    report({ kind: 'begun', to })
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      const headers = headersOf(Buffer.concat(chunks).toString('latin1'))
      const messageId = /^<([^@>]+)@/.exec(headers.get('message-id') ?? '')?.[1] ?? ''
      const unsubscribeUrl = /^<(.*)>$/.exec(headers.get('list-unsubscribe') ?? '')?.[1] ?? ''
      answers += 1
      const isDeferred = !calm && !deferred.has(messageId) && answers % deferOneIn === 0
      if (isDeferred) {
        deferred.add(messageId)
        report({ kind: 'deferred', to, messageId })
      } else {
        // Told before it is answered: what the engine hears of is on record.
        report({ kind: 'accepted', to, messageId, unsubscribeUrl, at: Date.now() })
      }
      const delayMs = answerLeastMs + ((answers * 37) % (answerMostMs - answerLeastMs))
      setTimeout(() => {
        if (isDeferred) callback(Object.assign(new Error('4.2.0 mailbox busy'), { responseCode: 451 }))
        else callback()
      }, delayMs)
    })
  },
})
// The engine's connections end when it is killed.
server.on('error', () => {})
server.listen(0, '127.0.0.1', () => {
  const address = server.server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  report({ kind: 'listening', port: address.port })
})

function report(sinkReport: SinkReport): void {
  process.send?.(sinkReport)
}

function headersOf(raw: string): Map<string, string> {
  const head = raw.slice(0, raw.indexOf('\r\n\r\n')).replace(/\r\n[ \t]+/g, ' ')
  return new Map(
    head.split('\r\n').map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
    }),
  )
}
