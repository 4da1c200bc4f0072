import { z } from 'zod'
import type { SendResult } from '#contracts/message.ts'
import { messageTag } from '../callback-file.ts'
import type { ChannelFile } from '../channel-file.ts'
import { basicAuth, openHttpChannel } from '../http/http-channel.ts'
import { type Answer, resultOfStatus, textOf } from '../http/http-result.ts'
import { answerTimeoutMs, clientOf, endpoint } from '../http/http-settings.ts'
import { multipart } from '../http/multipart.ts'
import { mailFault, mimeOf } from '../mail/mail-parts.ts'
import { secret } from '../secret.ts'

const settings = z.strictObject({
  domain: z
    .string()
    .regex(/^[a-z0-9.-]+$/i)
    .describe('The sending domain.'),
  apiKey: secret(),
  endpoint: endpoint('https://api.mailgun.net').describe('`https://api.eu.mailgun.net` for the EU.'),
  answerTimeoutMs,
})

/** Mailgun, `messages.mime`: the whole message as MIME, with our Message-ID, which its events name. */
export const channel: ChannelFile<z.infer<typeof settings>> = {
  kind: 'mailgun',
  channel: 'email',
  reaches: 'people',
  limits: { subjectCharactersMax: 998, payloadBytesMax: 25_000_000 },
  settings,
  resends: false,
  open: (own, parts) =>
    openHttpChannel({
      wallClock: parts.wallClock,
      client: clientOf(own, parts),
      secrets: [own.apiKey.reveal(), `api:${own.apiKey.reveal()}`],
      async call(message) {
        const fault = mailFault(message)
        if (fault !== null) return fault
        const form = multipart([
          { name: 'to', value: message.address },
          { name: 'message', value: await mimeOf(message), filename: 'message.mime' },
          // Links and opens are counted by Starling itself.
          { name: 'o:tracking', value: 'no' },
          { name: `v:${messageTag}`, value: message.messageId },
        ])
        return {
          url: `${own.endpoint}/v3/${own.domain}/messages.mime`,
          headers: { authorization: basicAuth('api', own.apiKey.reveal()), 'content-type': form.type },
          body: form.body,
        }
      },
      resultOf,
    }),
}

function resultOf(answer: Answer): SendResult {
  const { status, json, body } = answer
  if (status === 200) return { kind: 'sent', providerMessageId: textOf(json.id).replace(/^<|>$/g, '') }
  return resultOfStatus(answer, 'mailgun', textOf(json.message) || body)
}
