import { z } from 'zod'
import type { CallbackFact } from '#contracts/delivery.ts'
import { type CallbackFile, messageTag } from '../callback-file.ts'
import {
  factOf,
  instantOf,
  isObject,
  type Json,
  jsonOf,
  listAt,
  messageIdOfHeader,
  objectAt,
  textAt,
} from '../callback-parts.ts'
import { standardWebhookKey, verifyStandardWebhook } from '../standard-webhook.ts'

const settings = z.strictObject({
  secret: z
    .string()
    .refine((secret) => standardWebhookKey(secret) !== null, 'must be the webhook’s signing secret, whsec_…')
    .describe('The webhook’s signing secret, `whsec_…`.'),
})
type Settings = z.output<typeof settings>

/** Webhooks by Svix: https://resend.com/docs/dashboard/webhooks/event-types */
export const callback: CallbackFile<Settings> = {
  vendor: 'resend',
  channel: 'email',
  settings,
  verify: async (request, { secret }, { now }) => verifyStandardWebhook(request, secret, now),
  parse({ body, headers }) {
    const event = jsonOf(body)
    if (!isObject(event)) return null
    const kind = kindOf(event)
    if (kind === null) return []
    const data = objectAt(event, 'data')
    const id = headers['svix-id'] ?? headers['webhook-id'] ?? ''
    const clicked = objectAt(data, kind === 'click' ? 'click' : 'open')
    const recipients = listAt(data, 'to').filter((address) => typeof address === 'string')
    return [
      factOf({
        id,
        kind,
        messageId: tagOf(data.tags) || headerOf(data),
        providerMessageId: textAt(data, 'email_id'),
        address: recipients[0] ?? '',
        occurredAt: instantOf(textAt(clicked, 'timestamp') || textAt(event, 'created_at'), Number.NaN),
        reason: textAt(objectAt(data, 'bounce'), 'message') || textAt(objectAt(data, 'failed'), 'reason'),
        ...(kind === 'click' || kind === 'open'
          ? { url: textAt(clicked, 'link'), userAgent: textAt(clicked, 'userAgent') }
          : {}),
      }),
    ]
  },
}

/** Names and values, or a list of both; the API takes the latter. */
function tagOf(tags: unknown): string {
  if (!Array.isArray(tags)) return textAt(tags, messageTag)
  return textAt(
    tags.find((tag) => textAt(tag, 'name') === messageTag),
    'value',
  )
}

function headerOf(data: Json): string {
  const own = listAt(data, 'headers').find((header) => /^message-id$/i.test(textAt(header, 'name')))
  return messageIdOfHeader(textAt(own, 'value') || textAt(data, 'message_id'))
}

function kindOf(event: Json): CallbackFact['kind'] | null {
  switch (event.type) {
    case 'email.sent':
      return 'sent'
    case 'email.delivered':
      return 'delivered'
    case 'email.bounced':
      // Before it told the type, it told of permanent ones alone.
      return /^(transient|temporary|undetermined)$/i.test(
        textAt(objectAt(objectAt(event, 'data'), 'bounce'), 'type'),
      )
        ? 'soft-bounce'
        : 'hard-bounce'
    case 'email.complained':
      return 'complaint'
    case 'email.failed':
    case 'email.suppressed':
      return 'failed'
    case 'email.opened':
      return 'open'
    case 'email.clicked':
      return 'click'
    default:
      // `email.delivery_delayed`: it tries on.
      return null
  }
}
