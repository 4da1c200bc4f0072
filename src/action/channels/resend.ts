import { z } from 'zod'
import type { SendResult } from '#contracts/message.ts'
import { messageTag } from '../callback-file.ts'
import type { ChannelFile } from '../channel-file.ts'
import { openHttpChannel } from '../http/http-channel.ts'
import { type Answer, resultOfStatus, shortOf, textOf, throttled } from '../http/http-result.ts'
import { answerTimeoutMs, clientOf, endpoint } from '../http/http-settings.ts'
import { mailFault, safeHeaders } from '../mail/mail-parts.ts'
import { secret } from '../secret.ts'

const settings = z.strictObject({
  apiKey: secret(),
  endpoint: endpoint('https://api.resend.com'),
  answerTimeoutMs,
})

/** Resend. It remembers idempotency keys for 24 hours: an unknown result may be asked for again. */
export const channel: ChannelFile<z.infer<typeof settings>> = {
  kind: 'resend',
  channel: 'email',
  reaches: 'people',
  limits: { subjectCharactersMax: 998, payloadBytesMax: 40_000_000 },
  settings,
  resends: true,
  open: (own, parts) =>
    openHttpChannel({
      wallClock: parts.wallClock,
      client: clientOf(own, parts),
      secrets: [own.apiKey.reveal()],
      call: (message) =>
        mailFault(message) ?? {
          url: `${own.endpoint}/emails`,
          headers: {
            authorization: `Bearer ${own.apiKey.reveal()}`,
            'content-type': 'application/json',
            // Without one it refuses every call.
            'user-agent': 'starling',
            'idempotency-key': message.idempotencyKey,
          },
          body: JSON.stringify({
            from: message.from,
            to: [message.address],
            subject: message.subject,
            ...(message.html === '' ? {} : { html: message.html }),
            ...(message.text === '' ? {} : { text: message.text }),
            headers: safeHeaders(message.headers),
            tags: [{ name: messageTag, value: message.messageId }],
          }),
        },
      resultOf,
    }),
}

/** A day's or a month's quota is used up: asking again within the hour is soon enough. */
const quotaMs = 3_600_000

function resultOf(answer: Answer): SendResult {
  const { status, json } = answer
  if (status === 200 || status === 201) return { kind: 'sent', providerMessageId: textOf(json.id) }
  const name = textOf(json.name)
  const said = `${name} ${textOf(json.message)}`.trim()
  if (status === 429) return throttled(answer, name.endsWith('quota_exceeded') ? quotaMs : 1000)
  // The same key with other content: an earlier attempt was taken, and nobody has told us as what.
  if (name === 'invalid_idempotent_request')
    return { kind: 'unknown', reason: `resend_409: ${shortOf(said)}` }
  if (name === 'concurrent_idempotent_requests') {
    return { kind: 'transient', reason: `resend_409: ${shortOf(said)}`, retryAfterMs: 5000 }
  }
  return resultOfStatus(answer, 'resend', said)
}
