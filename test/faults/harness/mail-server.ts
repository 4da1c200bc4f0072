import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { SinkReport } from './smtp-sink.ts'

export interface ReceivedMail {
  to: string
  messageId: string
  unsubscribeUrl: string
  /** When the whole text had arrived. */
  at: number
}

/** The parent's side of the sink. */
export interface MailServer {
  port: number
  received: ReceivedMail[]
  /** Called with each mail. */
  onMail(listener: (mail: ReceivedMail) => void): void
  /** Resolves at the next message whose text has begun to arrive: it is `sending` for some time now. */
  nextBegun(): Promise<void>
  /** From now on nothing is deferred. */
  calm(): void
  close(): Promise<void>
}

export async function startMailServer(): Promise<MailServer> {
  const child: ChildProcess = fork(new URL('smtp-sink.ts', import.meta.url), { stdio: 'inherit' })
  const received: ReceivedMail[] = []
  const listeners: ((mail: ReceivedMail) => void)[] = []
  let waiting: (() => void)[] = []
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the mail server ended with code ${code}`)))
    child.on('message', (report: SinkReport) => {
      if (report.kind === 'listening') resolve(report.port)
      if (report.kind === 'begun') {
        for (const tell of waiting) tell()
        waiting = []
      }
      if (report.kind !== 'accepted') return
      const { to, messageId, unsubscribeUrl, at } = report
      const mail = { to, messageId, unsubscribeUrl, at }
      received.push(mail)
      for (const listener of listeners) listener(mail)
    })
  })
  return {
    port,
    received,
    onMail: (listener) => listeners.push(listener),
    nextBegun: () => new Promise((resolve) => waiting.push(resolve)),
    calm: () => child.send('calm'),
    async close() {
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
    },
  }
}
