import addressParser from 'nodemailer/lib/addressparser'
import MailComposer from 'nodemailer/lib/mail-composer'
import type { OutgoingMessage, SendResult } from '#contracts/message.ts'

/** The message as RFC 5322 text, with our headers as they stand. */
export async function mimeOf(message: OutgoingMessage): Promise<Buffer> {
  const mail = new MailComposer({
    from: message.from,
    to: { name: '', address: message.address },
    subject: message.subject,
    ...(message.html === '' ? {} : { html: message.html }),
    ...(message.text === '' ? {} : { text: message.text }),
    headers: message.headers,
    disableFileAccess: true,
    disableUrlAccess: true,
    newline: 'win',
  })
  return await mail.compile().build()
}

/** What no provider need be asked about: a recipient or a sender that is none, a mail that says nothing. */
export function mailFault({ address, from, html, text }: OutgoingMessage): SendResult | null {
  if (!isMailAddress(address)) return { kind: 'permanent', reason: 'bad_address', suppress: true }
  if (senderOf(from) === null) return { kind: 'permanent', reason: 'bad_sender', suppress: false }
  if (html === '' && text === '') return { kind: 'permanent', reason: 'no_content', suppress: false }
  return null
}

/** `Acme <hello@acme.example>` as name and address; null where it is not one sender. */
export function senderOf(from: string): { name: string; address: string } | null {
  if (/[\r\n]/.test(from)) return null
  const [sender, ...more] = addressParser(from, { flatten: true })
  if (sender === undefined || more.length > 0 || !isMailAddress(sender.address)) return null
  return { name: sender.name, address: sender.address }
}

/** One address and nothing that could make it two or a header. */
export function isMailAddress(address: string): boolean {
  return address.length <= 254 && /^[^\s@<>,;:"()[\]\\]+@[^\s@<>,;:"()[\]\\]+$/.test(address)
}

/** Values as headers have them: a line break would begin another. */
export function safeHeaders(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, value.replace(/[\r\n]+/g, ' ')]),
  )
}
