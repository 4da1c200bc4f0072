import { createVerify } from 'node:crypto'
import { z } from 'zod'
import type { CallbackFact } from '#contracts/delivery.ts'
import { type CallbackFile, type CallbackRequest, type CallbackTools, messageTag } from '../callback-file.ts'
import {
  badSignature,
  base64Bytes,
  factOf,
  instantOf,
  isObject,
  type Json,
  jsonOf,
  listAt,
  messageIdOfHeader,
  objectAt,
  textAt,
  verifiedWithin,
} from '../callback-parts.ts'

const settings = z.strictObject({
  topicArn: z
    .string()
    .regex(/^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]+$/, 'must be the ARN of the SNS topic')
    .describe('The SNS topic. Anybody may have Amazon sign messages of a topic of their own.'),
})
type Settings = z.output<typeof settings>

/** SNS gives up on an endpoint within the hour, unless its owner has said otherwise. */
const windowMs = 3_600_000
const hostPattern = /^sns\.[a-zA-Z0-9-]{3,}\.amazonaws\.com(\.cn)?$/
const certificatesMax = 20
const certificates = new Map<string, string>()

/**
 * SES events through an SNS topic. https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
 * The addresses that stand in a message are followed only where they are Amazon's own.
 */
export const callback: CallbackFile<Settings> = {
  vendor: 'ses',
  channel: 'email',
  settings,
  async verify(request, { topicArn }, tools) {
    const message = envelopeOf(request)
    if (message === null) return badSignature('it is not a message of SNS')
    const certificateUrl = textAt(message, 'SigningCertURL')
    if (!isAmazons(certificateUrl) || !new URL(certificateUrl).pathname.endsWith('.pem'))
      return badSignature('its certificate is not at Amazon')
    const signature = base64Bytes(textAt(message, 'Signature'))
    const algorithm = algorithms[textAt(message, 'SignatureVersion')]
    if (signature === null || algorithm === undefined) return badSignature('it has no signature that we know')
    const certificate = await certificateAt(certificateUrl, tools)
    if (certificate === null)
      return { kind: 'unavailable', detail: 'the certificate that it was signed with cannot be had now' }
    if (!fits(message, algorithm, certificate, signature)) return badSignature('the signature does not fit')
    if (textAt(message, 'TopicArn') !== topicArn) return badSignature('it is of another topic')
    return verifiedWithin(windowMs, Date.parse(textAt(message, 'Timestamp')), tools.now)
  },
  parse(request) {
    const message = envelopeOf(request)
    if (message === null) return null
    if (message.Type !== 'Notification') return []
    const event = jsonOf(Buffer.from(textAt(message, 'Message')))
    return isObject(event) ? factsOf(event, textAt(message, 'MessageId')) : null
  },
  async confirm(request, tools) {
    const message = envelopeOf(request)
    if (message === null || message.Type !== 'SubscriptionConfirmation') return true
    const url = textAt(message, 'SubscribeURL')
    if (!isAmazons(url)) return false
    return (await tools.fetch(url).catch(() => null))?.ok === true
  },
}

const algorithms: Record<string, string> = { '1': 'RSA-SHA1', '2': 'RSA-SHA256' }

const requiredKeys = ['Message', 'MessageId', 'Timestamp', 'TopicArn', 'Type', 'Signature', 'SigningCertURL']

function envelopeOf({ body }: CallbackRequest): Json | null {
  const message = jsonOf(body)
  if (!isObject(message) || requiredKeys.some((key) => textAt(message, key) === '')) return null
  const isOfSubscription = message.Type !== 'Notification'
  if (isOfSubscription && (textAt(message, 'SubscribeURL') === '' || textAt(message, 'Token') === ''))
    return null
  return message
}

function isAmazons(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, host, username, password } = new URL(url)
  return protocol === 'https:' && hostPattern.test(host) && username === '' && password === ''
}

async function certificateAt(url: string, { fetch }: CallbackTools): Promise<string | null> {
  const known = certificates.get(url)
  if (known !== undefined) return known
  try {
    const response = await fetch(url)
    if (!response.ok) return null
    const certificate = await response.text()
    if (certificates.size >= certificatesMax) certificates.clear()
    certificates.set(url, certificate)
    return certificate
  } catch {
    return null
  }
}

function fits(message: Json, algorithm: string, certificate: string, signature: Buffer): boolean {
  const keys =
    message.Type === 'SubscriptionConfirmation'
      ? ['Message', 'MessageId', 'Subject', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']
      : ['Message', 'MessageId', 'Subject', 'SubscribeURL', 'Timestamp', 'TopicArn', 'Type']
  const verifier = createVerify(algorithm)
  for (const key of keys) {
    if (Object.hasOwn(message, key) && message[key] !== null) verifier.update(`${key}\n${message[key]}\n`)
  }
  try {
    return verifier.verify(certificate, signature)
  } catch {
    return false
  }
}

interface Told {
  kind: CallbackFact['kind']
  at: string
  recipients: { address: string; reason: string }[]
  url?: string
  userAgent?: string
}

/** One event may be of several recipients; each is a fact of its own. */
function factsOf(event: Json, snsMessageId: string): CallbackFact[] | null {
  const type = textAt(event, 'eventType') || textAt(event, 'notificationType')
  if (type === '') return null
  const told = toldBy(type, event)
  if (told === null) return []
  const mail = objectAt(event, 'mail')
  const header = listAt(mail, 'headers').find((own) => /^message-id$/i.test(textAt(own, 'name')))
  const messageId =
    String(listAt(objectAt(mail, 'tags'), messageTag)[0] ?? '') || messageIdOfHeader(textAt(header, 'value'))
  return told.recipients.map(({ address, reason }) =>
    factOf({
      id: `${snsMessageId}:${address}`,
      kind: told.kind,
      messageId,
      providerMessageId: textAt(mail, 'messageId'),
      address,
      occurredAt: instantOf(told.at, instantOf(textAt(mail, 'timestamp'), Number.NaN)),
      reason,
      ...(told.url === undefined ? {} : { url: told.url }),
      ...(told.userAgent === undefined ? {} : { userAgent: told.userAgent }),
    }),
  )
}

function toldBy(type: string, event: Json): Told | null {
  const own = objectAt(event, type.charAt(0).toLowerCase() + type.slice(1))
  const at = textAt(own, 'timestamp')
  const destination = listAt(objectAt(event, 'mail'), 'destination').map(String)
  const all = (reason: string) => destination.map((address) => ({ address, reason }))
  switch (type) {
    case 'Send':
      return { kind: 'sent', at, recipients: all('') }
    case 'Delivery':
      return { kind: 'delivered', at, recipients: listed(listAt(own, 'recipients'), '') }
    case 'Bounce': {
      const bounceType = textAt(own, 'bounceType')
      const kind = bounceType === 'Permanent' ? 'hard-bounce' : 'soft-bounce'
      const reason = `${bounceType} ${textAt(own, 'bounceSubType')}`
      return { kind, at, recipients: listed(listAt(own, 'bouncedRecipients'), reason) }
    }
    case 'Complaint': {
      const reason = textAt(own, 'complaintFeedbackType') || 'complaint'
      return { kind: 'complaint', at, recipients: listed(listAt(own, 'complainedRecipients'), reason) }
    }
    case 'Reject':
      return { kind: 'failed', at, recipients: all(textAt(own, 'reason')) }
    case 'Rendering Failure':
      return { kind: 'failed', at, recipients: all('rendering failure') }
    case 'Open':
      return { kind: 'open', at, recipients: all(''), userAgent: textAt(own, 'userAgent') }
    case 'Click': {
      const url = textAt(own, 'link')
      return { kind: 'click', at, recipients: all(''), url, userAgent: textAt(own, 'userAgent') }
    }
    default:
      // `DeliveryDelay`: it tries on. `Subscription`: of lists at Amazon.
      return null
  }
}

/** Recipients as addresses, or as objects that say what happened to each. */
function listed(recipients: unknown[], reason: string): Told['recipients'] {
  return recipients.map((recipient) =>
    typeof recipient === 'string'
      ? { address: recipient, reason }
      : {
          address: textAt(recipient, 'emailAddress'),
          reason: [textAt(recipient, 'status'), reason, textAt(recipient, 'diagnosticCode')]
            .filter((text) => text !== '')
            .join(' '),
        },
  )
}
