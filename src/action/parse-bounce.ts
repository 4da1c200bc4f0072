import { hash } from 'node:crypto'
import PostalMime, { type Attachment, type Email } from 'postal-mime'
import type { CallbackFact, DeliveryKind } from '#contracts/delivery.ts'
import { factOf, instantOf, messageIdOfHeader } from './callback-parts.ts'

/** What came back by mail, as far as it says something about a message of ours. */
export type ParsedBounce =
  | {
      kind: 'report'
      facts: CallbackFact[]
      /** Addresses it was sent to: one of them holds the signed token, where it has one. */
      recipients: string[]
    }
  /** An out-of-office answer, a person's mail: nothing that a program may act on. */
  | { kind: 'not-a-report'; detail: string }

/**
 * Reads a delivery report (RFC 3464) or a complaint (RFC 5965). `facts` name the message by the Message-ID of
 * the mail that came back, which anybody may write there: a signed address is worth more.
 */
export async function parseBounce(raw: Uint8Array, envelopeRecipient = ''): Promise<ParsedBounce> {
  let mail: Email
  try {
    mail = await PostalMime.parse(raw, { forceRfc822Attachments: true, maxNestingDepth: 16 })
  } catch (error) {
    return { kind: 'not-a-report', detail: `not a mail that can be read: ${String(error)}` }
  }
  const part = (...types: string[]) => mail.attachments.find((own) => types.includes(own.mimeType))
  const status = part('message/delivery-status', 'message/global-delivery-status')
  const feedback = part('message/feedback-report')
  const returned = part(
    'message/rfc822',
    'text/rfc822-headers',
    'message/rfc822-headers',
    'message/global',
    'message/global-headers',
  )
  if (status === undefined && feedback === undefined)
    return { kind: 'not-a-report', detail: 'it has no part that says what was delivered' }
  const original = returned === undefined ? new Map<string, string>() : fieldsOf(textOf(returned))
  const about: About = {
    id: mail.messageId ?? hash('sha256', raw, 'hex'),
    date: mail.date ?? '',
    messageId: messageIdOfHeader(original.get('message-id') ?? ''),
  }
  const facts =
    status !== undefined ? deliveryFacts(textOf(status), about) : complaintFacts(textOf(feedback!), about)
  const recipients = [envelopeRecipient, ...recipientsOf(mail), ...returnPathsOf(feedback, original)]
  return { kind: 'report', facts, recipients: recipients.filter((address) => address !== '') }
}

interface About {
  id: string
  date: string
  messageId: string
}

/** Groups of fields, the first of the message, each further one of a recipient. */
function deliveryFacts(text: string, about: About): CallbackFact[] {
  const groups = text
    .replaceAll('\r\n', '\n')
    .split(/\n[ \t]*\n/)
    .map(fieldsOf)
    .filter((fields) => fields.size > 0)
  return groups.flatMap((fields) => {
    const address = addressOf(fields.get('final-recipient') ?? fields.get('original-recipient') ?? '')
    const diagnostic = typed(fields.get('diagnostic-code') ?? '')
    const status = enhancedStatus(fields.get('status') ?? '', diagnostic)
    const kind = kindOf((fields.get('action') ?? '').toLowerCase(), status)
    if (kind === null) return []
    return [
      factOf({
        id: `${about.id}:${address}:${status}`,
        kind,
        messageId: about.messageId,
        address,
        occurredAt: instantOf(fields.get('last-attempt-date') ?? about.date, Number.NaN),
        reason: [status, diagnostic].filter((own) => own !== '').join(' '),
      }),
    ]
  })
}

function complaintFacts(text: string, about: About): CallbackFact[] {
  const fields = fieldsOf(text)
  // `not-spam` takes one back; `virus` and `other` complain of something else.
  if (!['abuse', 'fraud', 'opt-out'].includes((fields.get('feedback-type') ?? '').toLowerCase())) return []
  return [
    factOf({
      id: `${about.id}:complaint`,
      kind: 'complaint',
      messageId: about.messageId,
      address: (fields.get('original-rcpt-to') ?? '').replace(/^<|>$/g, ''),
      occurredAt: instantOf(
        fields.get('received-date') ?? fields.get('arrival-date') ?? about.date,
        Number.NaN,
      ),
      reason: fields.get('feedback-type') ?? '',
    }),
  ]
}

/**
 * A status of class 5 is for good, with two exceptions that say nothing of the address: a full mailbox (5.2.2)
 * will be emptied, and a refusal for policy (5.7) is of who sends or what. Class 4 that was given up is soft;
 * while it is tried on (`delayed`) nothing has happened yet.
 */
function kindOf(action: string, status: string): DeliveryKind | null {
  switch (action) {
    case 'failed':
      return status.startsWith('5') && status !== '5.2.2' && !status.startsWith('5.7.')
        ? 'hard-bounce'
        : 'soft-bounce'
    case 'delivered':
    case 'relayed':
    case 'expanded':
      return 'delivered'
    default:
      return null
  }
}

/** The status, or where it says no more than its class what the other server's own words say. */
function enhancedStatus(status: string, diagnostic: string): string {
  const own = /\b([245]\.\d{1,3}\.\d{1,3})\b/.exec(status)?.[1] ?? ''
  if (own !== '' && !/^[245]\.0\.0$/.test(own)) return own
  const theirs = /\b([245]\.\d{1,3}\.\d{1,3})\b/.exec(diagnostic)?.[1]
  if (theirs !== undefined) return theirs
  if (own !== '') return own
  const code = /\b([45])\d\d\b/.exec(diagnostic)?.[1]
  return code === undefined ? '' : `${code}.0.0`
}

/** Header fields by name in lower case, unfolded; the first of a name counts. */
function fieldsOf(text: string): Map<string, string> {
  const fields = new Map<string, string>()
  const [head = ''] = text.replaceAll('\r\n', '\n').replace(/^\n+/, '').split('\n\n', 1)
  for (const line of head.replace(/\n[ \t]+/g, ' ').split('\n')) {
    const colon = line.indexOf(':')
    if (colon <= 0) continue
    const name = line.slice(0, colon).trim().toLowerCase()
    if (!fields.has(name)) fields.set(name, line.slice(colon + 1).trim())
  }
  return fields
}

/** `rfc822; ann@example.com` without what sort it is of. */
function typed(value: string): string {
  return value.replace(/^[\w-]+\s*;\s*/, '')
}

function addressOf(value: string): string {
  return typed(value).replace(/^<|>$/g, '').trim()
}

function textOf({ content }: Attachment): string {
  return typeof content === 'string' ? content : Buffer.from(content as ArrayBuffer).toString()
}

/** Where mail servers note for whom a mail came. */
function recipientsOf(mail: Email): string[] {
  return mail.headers
    .filter(({ key }) => ['delivered-to', 'x-original-to', 'envelope-to', 'to'].includes(key))
    .flatMap(({ value }) => value.match(/[^\s<>,;:"]+@[^\s<>,;:"]+/g) ?? [])
}

/** A complaint goes to another address than bounces do; the mail complained of had our return path. */
function returnPathsOf(feedback: Attachment | undefined, original: Map<string, string>): string[] {
  const from = feedback === undefined ? '' : (fieldsOf(textOf(feedback)).get('original-mail-from') ?? '')
  return [from, original.get('return-path') ?? ''].map((path) => path.replace(/^<|>$/g, '').trim())
}
