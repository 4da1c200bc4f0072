import { z } from 'zod'
import type { CallbackFact } from '#contracts/delivery.ts'
import { type CallbackFile, messageTag } from '../callback-file.ts'
import {
  badSignature,
  factOf,
  hmac,
  isObject,
  isSeconds,
  type Json,
  jsonOf,
  messageIdOfHeader,
  objectAt,
  sameBytes,
  textAt,
  verifiedWithin,
} from '../callback-parts.ts'

const settings = z.strictObject({
  signingKey: z.string().min(8).describe('The HTTP webhook signing key.'),
})
type Settings = z.output<typeof settings>

/**
 * Mailgun comes again for 8 hours, with the body as it was signed first. What was told before is known by its
 * event's id all the same. https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks
 */
const windowMs = 9 * 3_600_000

/** The signature stands in the body and covers a token, not the event: only TLS keeps that from being changed. */
export const callback: CallbackFile<Settings> = {
  vendor: 'mailgun',
  channel: 'email',
  settings,
  async verify({ body }, { signingKey }, { now }) {
    const given = objectAt(jsonOf(body), 'signature')
    const timestamp = textAt(given, 'timestamp')
    const token = textAt(given, 'token')
    const signature = textAt(given, 'signature')
    if (!isSeconds(timestamp) || token === '') return badSignature('the body holds no signature')
    const expected = hmac('sha256', signingKey, timestamp + token).toString('hex')
    if (!sameBytes(Buffer.from(signature), Buffer.from(expected)))
      return badSignature('the signature does not fit')
    return verifiedWithin(windowMs, Number(timestamp) * 1000, now)
  },
  parse({ body }) {
    const event = objectAt(jsonOf(body), 'event-data')
    const kind = kindOf(event)
    const id = textAt(event, 'id')
    if (textAt(event, 'event') === '') return null
    if (kind === null || id === '') return []
    const status = objectAt(event, 'delivery-status')
    const client = objectAt(event, 'client-info')
    const messageHeader = textAt(objectAt(objectAt(event, 'message'), 'headers'), 'message-id')
    return [
      factOf({
        id,
        kind,
        messageId: textAt(objectAt(event, 'user-variables'), messageTag) || messageIdOfHeader(messageHeader),
        providerMessageId: messageHeader.replace(/^<|>$/g, ''),
        address: textAt(event, 'recipient'),
        occurredAt: Math.round(Number(textAt(event, 'timestamp')) * 1000),
        reason: [textAt(status, 'code'), textAt(status, 'description') || textAt(status, 'message')]
          .filter((text) => text !== '')
          .join(' '),
        ...(kind === 'click' || kind === 'open'
          ? { url: textAt(event, 'url'), userAgent: textAt(client, 'user-agent') }
          : {}),
        ...(textAt(client, 'bot') !== '' ? { byMachine: true } : {}),
      }),
    ]
  },
}

function kindOf(event: Json): CallbackFact['kind'] | null {
  if (!isObject(event)) return null
  switch (event.event) {
    case 'accepted':
      return 'sent'
    case 'delivered':
      return 'delivered'
    case 'failed':
      return event.severity === 'permanent' ? 'hard-bounce' : 'soft-bounce'
    case 'rejected':
      return 'failed'
    case 'complained':
      return 'complaint'
    case 'unsubscribed':
      return 'unsubscribe'
    case 'opened':
      return 'open'
    case 'clicked':
      return 'click'
    default:
      return null
  }
}
