import MimeNode from 'nodemailer/lib/mime-node'
import type { OutgoingMessage } from '#contracts/message.ts'
import { encodeHeaderText, protocolAddress } from './encode-header.ts'
import { createMailWriter, type MailWriter } from './mail-writer.ts'

export interface ComposedMail {
  /** The sender's address, for the envelope; null where `from` names none. */
  from: string | null
  to: string
  /** Header and text, lines ended by CRLF. */
  raw: Buffer
}

export interface MailComposer {
  compose(message: OutgoingMessage, now: number): ComposedMail
}

/** Neither quoted-printable nor base64 can contain `=_` (RFC 2045 section 6.7): one delimiter for all mails. */
const boundary = '=_starling'
const alternativeHead = `MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="${boundary}"\r\n\r\n`
const delimiter = `\r\n--${boundary}`
const sendersKept = 1000

/**
 * Makes mails of one html and one text. Everything that mails have in common is put together once; for each
 * only its own headers and the two texts are encoded: for 4 kB a twentieth of what nodemailer's composer takes.
 */
export function createMailComposer(): MailComposer {
  const writer = createMailWriter()
  const senders = new Map<string, Sender>()
  const senderOf = (from: string): Sender => {
    let sender = senders.get(from)
    if (sender === undefined) {
      if (senders.size >= sendersKept) senders.clear()
      sender = readSender(from)
      senders.set(from, sender)
    }
    return sender
  }
  return {
    compose(message, now) {
      const { header, address } = senderOf(message.from)
      const to = protocolAddress(message.address)
      writer.utf8(
        `${header}To: ${to}\r\nSubject: ${encodeHeaderText(message.subject, 'Subject')}\r\n${ownHeaders(message.headers)}Date: ${dateOf(now)}\r\n`,
      )
      writeBodies(writer, message)
      return { from: address, to, raw: writer.finish() }
    },
  }
}

function writeBodies(writer: MailWriter, { html, text }: OutgoingMessage): void {
  if (html === '' || text === '') {
    writer.latin1('MIME-Version: 1.0\r\n')
    writePart(writer, html === '' ? 'plain' : 'html', html === '' ? text : html)
    return
  }
  writer.latin1(`${alternativeHead}--${boundary}\r\n`)
  writePart(writer, 'plain', text)
  writer.latin1(`${delimiter}\r\n`)
  writePart(writer, 'html', html)
  writer.latin1(`${delimiter}--\r\n`)
}

function writePart(writer: MailWriter, kind: 'plain' | 'html', text: string): void {
  const encoding = isMostlyEncoded(text) ? 'base64' : 'quoted-printable'
  writer.latin1(`Content-Type: text/${kind}; charset=utf-8\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`)
  if (encoding === 'base64') writer.base64(text)
  else writer.quotedPrintable(text)
}

/** Quoted-printable takes two bytes more for each that is not ASCII, base64 a third more for all. */
function isMostlyEncoded(text: string): boolean {
  return (Buffer.byteLength(text) - text.length) * 2 > text.length * 0.37
}

interface Sender {
  header: string
  address: string | null
}

/** As nodemailer reads and writes it: names in any script, domains in any, groups and comments refused. */
function readSender(from: string): Sender {
  const node = new MimeNode('text/plain').setHeader('From', from)
  const header = /^From: (?:.*\r\n)(?:[ \t].*\r\n)*/m.exec(`${node.buildHeaders()}\r\n`)?.[0] ?? ''
  const { from: address } = node.getEnvelope()
  return { header, address: typeof address === 'string' && address !== '' ? address : null }
}

function ownHeaders(headers: Record<string, string>): string {
  let lines = ''
  for (const name in headers) {
    if (!/^[\x21-\x39\x3b-\x7e]+$/.test(name)) throw new Error(`not a header's name: ${JSON.stringify(name)}`)
    lines += `${name}: ${encodeHeaderText(headers[name]!, name)}\r\n`
  }
  return lines
}

let lastSecond = -1
let lastDate = ''

/** RFC 5322 section 3.3; once a second. */
function dateOf(now: number): string {
  const second = Math.floor(now / 1000)
  if (second !== lastSecond) {
    lastSecond = second
    lastDate = new Date(now).toUTCString().replace('GMT', '+0000')
  }
  return lastDate
}
