import type { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'

/** What we use of the `smpp` package, which has no types. Field names are those of SMPP 3.4. */
export interface Pdu {
  command: string
  command_status: number
  sequence_number: number
  [field: string]: unknown
  isResponse(): boolean
  response(fields?: Record<string, unknown>): Pdu
}

type Answered = (pdu: Pdu) => void
type Request = (fields: Record<string, unknown>, answered?: Answered) => boolean

export interface SmppSession extends EventEmitter {
  socket: Socket
  send(pdu: Pdu, answered?: Answered): boolean
  bind_transceiver: Request
  submit_sm: Request
  deliver_sm: Request
  enquire_link: Request
  unbind: Request
  close(done?: () => void): void
  destroy(done?: () => void): void
}

export interface SmppServer extends EventEmitter {
  listen(port: number, host: string, done: () => void): unknown
  address(): { port: number }
  close(done?: () => void): void
  sessions: SmppSession[]
}

const require = createRequire(import.meta.url)

export const smpp = require('smpp') as {
  connect(options: { host: string; port: number; tls: boolean; servername?: string }): SmppSession
  createServer(options: object, onSession: (session: SmppSession) => void): SmppServer
}
