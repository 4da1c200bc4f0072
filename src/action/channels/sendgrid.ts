import { z } from 'zod'
import type { OutgoingMessage, SendResult } from '#contracts/message.ts'
import { messageTag } from '../callback-file.ts'
import type { ChannelFile } from '../channel-file.ts'
import { openHttpChannel } from '../http/http-channel.ts'
import { type Answer, resultOfStatus, textOf, throttled } from '../http/http-result.ts'
import { answerTimeoutMs, clientOf, endpoint } from '../http/http-settings.ts'
import { mailFault, safeHeaders, senderOf } from '../mail/mail-parts.ts'
import { secret } from '../secret.ts'

const settings = z.strictObject({
  apiKey: secret(),
  endpoint: endpoint('https://api.sendgrid.com').describe(
    '`https://api.eu.sendgrid.com` for subusers in the EU.',
  ),
  answerTimeoutMs,
})

/** SendGrid, API v3, Mail Send. It knows no idempotency key: events find the message by its custom arguments. */
export const channel: ChannelFile<z.infer<typeof settings>> = {
  kind: 'sendgrid',
  channel: 'email',
  reaches: 'people',
  limits: { subjectCharactersMax: 998, payloadBytesMax: 20_000_000 },
  settings,
  resends: false,
  open: (own, parts) =>
    openHttpChannel({
      wallClock: parts.wallClock,
      client: clientOf(own, parts),
      secrets: [own.apiKey.reveal()],
      call: (message) =>
        mailFault(message) ?? {
          url: `${own.endpoint}/v3/mail/send`,
          headers: { authorization: `Bearer ${own.apiKey.reveal()}`, 'content-type': 'application/json' },
          body: JSON.stringify(bodyOf(message)),
        },
      resultOf,
    }),
}

function bodyOf(message: OutgoingMessage) {
  const { name, address } = senderOf(message.from)!
  const content = [
    // In this order, and none empty: the API refuses it otherwise.
    ...(message.text === '' ? [] : [{ type: 'text/plain', value: message.text }]),
    ...(message.html === '' ? [] : [{ type: 'text/html', value: message.html }]),
  ]
  return {
    personalizations: [{ to: [{ email: message.address }] }],
    from: name === '' ? { email: address } : { email: address, name },
    subject: message.subject,
    content,
    headers: safeHeaders(message.headers),
    custom_args: { [messageTag]: message.messageId },
    // Links and opens are counted by Starling itself.
    tracking_settings: {
      click_tracking: { enable: false, enable_text: false },
      open_tracking: { enable: false },
      subscription_tracking: { enable: false },
    },
  }
}

function resultOf(answer: Answer): SendResult {
  const { status, headers, json, now } = answer
  if (status === 202 || status === 200) {
    return { kind: 'sent', providerMessageId: textOf(headers['x-message-id']) }
  }
  // It says when the rate begins anew, as seconds since 1970.
  const resetAt = Number(headers['x-ratelimit-reset']) * 1000
  if (status === 429) {
    return throttled(
      answer,
      Number.isFinite(resetAt) && resetAt > now ? Math.min(resetAt - now, 3_600_000) : 60_000,
    )
  }
  const errors = Array.isArray(json.errors) ? (json.errors as { message?: unknown; field?: unknown }[]) : []
  const detail = errors.map((error) => `${textOf(error?.field)} ${textOf(error?.message)}`.trim()).join('; ')
  return resultOfStatus(answer, 'sendgrid', detail)
}
