import { createPublicKey, verify as verifySignature } from 'node:crypto'
import { z } from 'zod'
import type { CallbackFact } from '#contracts/delivery.ts'
import { type CallbackFile, messageTag } from '../callback-file.ts'
import {
  badSignature,
  base64Bytes,
  factOf,
  isObject,
  isSeconds,
  type Json,
  jsonOf,
  messageIdOfHeader,
  textAt,
  verifiedWithin,
} from '../callback-parts.ts'

const settings = z.strictObject({
  publicKey: z
    .string()
    .refine((key) => keyOf(key) !== null, 'must be the verification key of the signed event webhook')
    .describe('The verification key of the signed event webhook.'),
})
type Settings = z.output<typeof settings>

/** SendGrid names none; ours. Who comes again signs anew. */
const windowMs = 600_000

/** The signed event webhook: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events */
export const callback: CallbackFile<Settings> = {
  vendor: 'sendgrid',
  channel: 'email',
  settings,
  async verify({ body, headers }, { publicKey }, { now }) {
    const timestamp = headers['x-twilio-email-event-webhook-timestamp'] ?? ''
    const signature = base64Bytes(headers['x-twilio-email-event-webhook-signature'] ?? '')
    const key = keyOf(publicKey)
    if (signature === null || key === null || !isSeconds(timestamp))
      return badSignature('its signature or its timestamp is missing')
    // Over the timestamp and the raw bytes: what a parser leaves out (a last newline) counts too.
    const signed = Buffer.concat([Buffer.from(timestamp), body])
    if (!verifySignature('sha256', signed, key, signature)) return badSignature('the signature does not fit')
    return verifiedWithin(windowMs, Number(timestamp) * 1000, now)
  },
  parse({ body }) {
    const events = jsonOf(body)
    if (!Array.isArray(events)) return null
    return events.filter(isObject).flatMap(factsOf)
  },
}

function keyOf(text: string) {
  try {
    const key = text.includes('-----BEGIN')
      ? createPublicKey(text)
      : createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' })
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : null
  } catch {
    return null
  }
}

function factsOf(event: Json): CallbackFact[] {
  const kind = kindOf(event)
  const id = textAt(event, 'sg_event_id')
  if (kind === null || id === '') return []
  return [
    factOf({
      id,
      kind,
      messageId: textAt(event, messageTag) || messageIdOfHeader(textAt(event, 'smtp-id')),
      // `<X-Message-Id>.recvd-…`: what the provider answered with, then what it adds.
      providerMessageId: textAt(event, 'sg_message_id').split('.', 1)[0] ?? '',
      address: textAt(event, 'email'),
      occurredAt: Number(textAt(event, 'timestamp')) * 1000,
      reason: [textAt(event, 'status'), textAt(event, 'reason') || textAt(event, 'response')]
        .filter((text) => text !== '')
        .join(' '),
      ...(kind === 'click' || kind === 'open'
        ? { url: textAt(event, 'url'), userAgent: textAt(event, 'useragent') }
        : {}),
      ...(event.sg_machine_open === true ? { byMachine: true } : {}),
    }),
  ]
}

function kindOf(event: Json): CallbackFact['kind'] | null {
  switch (event.event) {
    case 'processed':
      return 'sent'
    case 'delivered':
      return 'delivered'
    case 'bounce':
      // `blocked`: refused for now, or for who sends; the address stands.
      return event.type === 'blocked' ? 'soft-bounce' : 'hard-bounce'
    case 'dropped':
      return 'failed'
    case 'open':
      return 'open'
    case 'click':
      return 'click'
    case 'spamreport':
      return 'complaint'
    case 'unsubscribe':
    case 'group_unsubscribe':
      return 'unsubscribe'
    default:
      // `deferred`: SendGrid tries on.
      return null
  }
}
