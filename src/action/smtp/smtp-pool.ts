import SMTPConnection from 'nodemailer/lib/smtp-connection'
import {
  createSmtpSession,
  type SmtpEnvelope,
  type SmtpError,
  type SmtpOutcome,
  type SmtpSession,
} from './smtp-session.ts'
import type { SmtpSettings } from './smtp-settings.ts'

export interface SmtpPool {
  send(envelope: SmtpEnvelope, message: Buffer): Promise<SmtpOutcome>
  close(): Promise<void>
}

/** Many servers end a session after 100 messages. */
const messagesPerConnectionMax = 100

interface Seat {
  session: SmtpSession
  messages: number
}

/** So many sessions at once, each for one message after the other. */
export function createSmtpPool(settings: SmtpSettings): SmtpPool {
  const idle: Seat[] = []
  const waiting: (() => void)[] = []
  let free = settings.connectionsMax
  let closed = false

  const enter = async (): Promise<void> => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve))
  }
  const leave = (): void => {
    const next = waiting.shift()
    if (next === undefined) free++
    else next()
  }
  const takeIdle = (): Seat | undefined => {
    let seat = idle.pop()
    while (seat !== undefined && !seat.session.usable) {
      seat.session.close()
      seat = idle.pop()
    }
    return seat
  }
  const giveBack = async (seat: Seat, outcome: SmtpOutcome): Promise<void> => {
    const { session } = seat
    if (!session.usable || (outcome.kind === 'failed' && !(await session.reset()))) return session.close()
    if (closed || seat.messages >= messagesPerConnectionMax) session.quit()
    else idle.push(seat)
  }
  const attempt = async (seat: Seat, envelope: SmtpEnvelope, message: Buffer): Promise<SmtpOutcome> => {
    seat.messages++
    const outcome = await seat.session.send(envelope, message)
    await giveBack(seat, outcome)
    return outcome
  }

  return {
    async send(envelope, message) {
      await enter()
      try {
        if (closed) return failedBefore(new Error('the pool is closed'))
        const reused = takeIdle()
        if (reused !== undefined) {
          const outcome = await attempt(reused, envelope, message)
          if (!wasStale(outcome)) return outcome
        }
        const opened = await open(settings)
        if (opened.kind === 'failed') return opened
        return await attempt({ session: opened.session, messages: 0 }, envelope, message)
      } finally {
        leave()
      }
    },
    async close() {
      closed = true
      for (const { session } of idle.splice(0)) session.quit()
    },
  }
}

/** The server had closed an idle session just before we used it: nothing was sent, a new session may. */
function wasStale(outcome: SmtpOutcome): boolean {
  return outcome.kind === 'failed' && !outcome.bodyBegan && outcome.error.responseCode === undefined
}

function failedBefore(error: SmtpError): SmtpOutcome & { kind: 'failed' } {
  return { kind: 'failed', error, bodyBegan: false }
}

type Opened = { kind: 'open'; session: SmtpSession } | (SmtpOutcome & { kind: 'failed' })

async function open(settings: SmtpSettings): Promise<Opened> {
  const connection = new SMTPConnection({
    host: settings.host,
    port: settings.port,
    secure: settings.secure,
    connectionTimeout: settings.connectTimeoutMs,
    greetingTimeout: settings.connectTimeoutMs,
    dnsTimeout: settings.connectTimeoutMs,
    socketTimeout: settings.answerTimeoutMs,
    socketCloseTimeout: 1000,
  })
  const failure = await new Promise<SmtpError | null>((resolve) => {
    // Stays for the connection's life: an error without listener would end the process.
    connection.on('error', (error: SmtpError) => resolve(error))
    connection.once('end', () => resolve(new Error('the connection ended')))
    connection.connect((error) => {
      if (error) return resolve(error as SmtpError)
      if (settings.auth === null) return resolve(null)
      connection.login({ ...settings.auth }, (fault) =>
        resolve((fault as SmtpError | null | undefined) ?? null),
      )
    })
  })
  if (failure === null) return { kind: 'open', session: createSmtpSession(connection) }
  connection.close()
  return failedBefore(failure)
}
