import { Webhook } from 'standardwebhooks'
import { z } from 'zod'
import type { OutgoingMessage, SendResult } from '#contracts/message.ts'
import type { ChannelFile } from '../channel-file.ts'
import { openHttpChannel } from '../http/http-channel.ts'
import { type Answer, resultOfStatus } from '../http/http-result.ts'
import { answerTimeoutMs, clientOf } from '../http/http-settings.ts'
import { secret } from '../secret.ts'

const settings = z.strictObject({
  secret: secret()
    .refine((own) => /^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/.test(own.reveal()), {
      error: 'must be whsec_ and 24 to 64 bytes in base64',
    })
    .describe('Signs every call by Standard Webhooks.'),
  url: z.url({ protocol: /^https?$/ }),
  answerTimeoutMs,
  privateHosts: z.boolean().default(false).describe('Whether hosts of this network may be called.'),
})

/** A signed POST to another system (Standard Webhooks). Its id is our idempotency key, the same for every attempt. */
export const channel: ChannelFile<z.infer<typeof settings>> = {
  kind: 'webhook',
  channel: 'webhook',
  reaches: 'people',
  limits: { payloadBytesMax: 262_144 },
  settings,
  resends: true,
  open(own, parts) {
    const { wallClock } = parts
    const { url } = own
    const key = own.secret.reveal()
    const signer = new Webhook(key)
    return openHttpChannel({
      wallClock,
      secrets: [key, key.slice('whsec_'.length)],
      client: { ...clientOf(own, parts), publicOnly: !own.privateHosts },
      call(message) {
        const body = JSON.stringify(bodyOf(message))
        const now = wallClock.now()
        return {
          url,
          headers: {
            'content-type': 'application/json',
            'user-agent': 'starling',
            'webhook-id': message.idempotencyKey,
            'webhook-timestamp': String(Math.floor(now / 1000)),
            'webhook-signature': signer.sign(message.idempotencyKey, new Date(now), body),
          },
          body,
        }
      },
      resultOf,
    })
  },
}

function bodyOf(message: OutgoingMessage) {
  const { workspace, messageId, customerId, subject, text, html, url, data } = message
  return { workspace, messageId, customerId, subject, text, html, url, data }
}

function resultOf(answer: Answer, { idempotencyKey }: OutgoingMessage): SendResult {
  const { status } = answer
  if (status >= 200 && status < 300) return { kind: 'sent', providerMessageId: idempotencyKey }
  const result = resultOfStatus(answer, 'webhook', '')
  // What a vendor says of our account, a receiver says of the message: nobody would mend it in between.
  const isFinal = status >= 400 && status < 500 && ![408, 425, 429].includes(status)
  return isFinal ? { kind: 'permanent', reason: `webhook_${status}`, suppress: false } : result
}
