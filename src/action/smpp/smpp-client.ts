import { type Pdu, type SmppSession, smpp } from './smpp-library.ts'

export interface SmppClientSettings {
  host: string
  port: number
  tls: boolean
  systemId: string
  password: string
  systemType: string
  /** Most requests without an answer. */
  windowMax: number
  connectTimeoutMs: number
  answerTimeoutMs: number
  /** How often an idle link is asked whether it stands. */
  enquireEveryMs: number
}

export type SmppOutcome =
  | { kind: 'answer'; status: number; messageId: string }
  /** `written`: the request had left, so it may have been taken. */
  | { kind: 'failed'; written: boolean; reason: string }

export interface SmppClient {
  submit(fields: Record<string, unknown>): Promise<SmppOutcome>
  close(): Promise<void>
}

interface Link {
  session: SmppSession
  /** Sends a request; never rejects. */
  ask(command: 'bind_transceiver' | 'submit_sm' | 'enquire_link' | 'unbind', fields: object): Promise<Asked>
  isOpen(): boolean
}
type Asked = { kind: 'answer'; pdu: Pdu } | { kind: 'failed'; written: boolean; reason: string }

/**
 * One transceiver bind, made when it is needed and again when it was lost. `delivered` is told what the message
 * centre hands over; it resolves to whether that may be forgotten there.
 */
export function createSmppClient(
  settings: SmppClientSettings,
  delivered: (pdu: Pdu) => Promise<boolean>,
): SmppClient {
  let link: Link | null = null
  let binding: Promise<Link | string> | null = null
  let closed = false
  let free = settings.windowMax
  const waiting: (() => void)[] = []

  const enter = async (): Promise<void> => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve))
  }
  const leave = (): void => {
    const next = waiting.shift()
    if (next === undefined) free++
    else next()
  }
  const bindAnew = async (): Promise<Link | string> => {
    const made = await bind(settings, delivered)
    binding = null
    if (typeof made !== 'string') link = made
    return made
  }
  /** Whoever comes first binds, the others wait for the same. */
  const bound = async (): Promise<Link | string> => {
    if (link?.isOpen()) return link
    binding ??= bindAnew()
    return await binding
  }

  return {
    async submit(fields) {
      await enter()
      try {
        if (closed) return { kind: 'failed', written: false, reason: 'closed' }
        const open = await bound()
        if (typeof open === 'string') return { kind: 'failed', written: false, reason: open }
        const asked = await open.ask('submit_sm', fields)
        if (asked.kind === 'failed') return asked
        const { command_status: status, message_id: messageId } = asked.pdu
        return { kind: 'answer', status, messageId: typeof messageId === 'string' ? messageId : '' }
      } finally {
        leave()
      }
    },
    async close() {
      closed = true
      await binding
      if (!link?.isOpen()) return
      const { session, ask } = link
      await ask('unbind', {})
      if (!session.socket.destroyed) await new Promise<void>((resolve) => session.destroy(resolve))
    },
  }
}

/** Connects and binds; a text says why it did not come to that. */
async function bind(
  settings: SmppClientSettings,
  delivered: (pdu: Pdu) => Promise<boolean>,
): Promise<Link | string> {
  const { host, port, tls, systemId, password, systemType, connectTimeoutMs } = settings
  const session = smpp.connect({ host, port, tls, ...(tls ? { servername: host } : {}) })
  const link = linkOver(session, settings)
  const refused = await new Promise<string | null>((resolve) => {
    const timer = setTimeout(() => resolve('no connection in time'), connectTimeoutMs)
    const settle = (reason: string | null): void => {
      clearTimeout(timer)
      resolve(reason)
    }
    session.once(tls ? 'secureConnect' : 'connect', () => settle(null))
    session.once('error', (error: Error & { code?: string }) => settle(error.code ?? error.message))
    session.once('close', () => settle('closed'))
  })
  if (refused !== null) {
    session.destroy()
    return refused
  }
  session.on('deliver_sm', (pdu: Pdu) => {
    void delivered(pdu)
      .catch(() => false)
      .then((taken) => session.send(pdu.response({ command_status: taken ? 0 : temporaryAppError })))
  })
  const asked = await link.ask('bind_transceiver', {
    system_id: systemId,
    password,
    system_type: systemType,
    interface_version: 0x34,
  })
  if (asked.kind === 'answer' && asked.pdu.command_status === 0) return link
  session.destroy()
  return asked.kind === 'answer' ? `${bindRefused} with ${hex(asked.pdu.command_status)}` : asked.reason
}

export const bindRefused = 'bind refused'

/** ESME_RX_T_APPN: the message centre keeps it and tries again. */
const temporaryAppError = 0x64

function linkOver(session: SmppSession, settings: SmppClientSettings): Link {
  let open = true
  const pending = new Set<(reason: string) => void>()
  const ask: Link['ask'] = (command, fields) =>
    new Promise((resolve) => {
      const settle = (asked: Asked): void => {
        clearTimeout(timer)
        pending.delete(lost)
        resolve(asked)
      }
      const lost = (reason: string): void => settle({ kind: 'failed', written: true, reason })
      const timer = setTimeout(() => lost('no answer in time'), settings.answerTimeoutMs)
      pending.add(lost)
      const sent = open && session[command]({ ...fields }, (pdu) => settle({ kind: 'answer', pdu }))
      if (!sent) settle({ kind: 'failed', written: false, reason: 'the connection is closed' })
    })
  const enquire = async (): Promise<void> => {
    const asked = await ask('enquire_link', {})
    if (asked.kind === 'failed') session.destroy()
  }
  const idle = setInterval(() => void enquire(), settings.enquireEveryMs)
  idle.unref()
  const end = (reason: string): void => {
    open = false
    clearInterval(idle)
    for (const lost of [...pending]) lost(reason)
  }
  session.on('error', (error: Error) => {
    end(error.message)
    session.destroy()
  })
  session.on('close', () => end('the connection was lost'))
  session.on('enquire_link', (pdu: Pdu) => session.send(pdu.response()))
  session.on('unbind', (pdu: Pdu) => {
    session.send(pdu.response())
    session.close()
  })
  return { session, ask, isOpen: () => open }
}

export function hex(status: number): string {
  return `0x${status.toString(16).padStart(8, '0')}`
}
