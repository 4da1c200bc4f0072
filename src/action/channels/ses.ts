import { z } from 'zod'
import type { SendResult } from '#contracts/message.ts'
import { messageTag } from '../callback-file.ts'
import type { ChannelFile } from '../channel-file.ts'
import { openHttpChannel } from '../http/http-channel.ts'
import { type Answer, resultOfStatus, shortOf, textOf, throttled } from '../http/http-result.ts'
import { answerTimeoutMs, clientOf } from '../http/http-settings.ts'
import { signV4 } from '../http/sign-v4.ts'
import { mailFault, mimeOf } from '../mail/mail-parts.ts'
import { secret } from '../secret.ts'

const settings = z.strictObject({
  region: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .describe('`eu-central-1`.'),
  accessKeyId: secret(),
  secretAccessKey: secret(),
  sessionToken: secret().exactOptional().describe('Of temporary credentials.'),
  configurationSet: z
    .string()
    .min(1)
    .exactOptional()
    .describe('Which SES configuration set publishes events.'),
  endpoint: z.url().exactOptional().describe('Default: `https://email.REGION.amazonaws.com`.'),
  answerTimeoutMs,
})

/**
 * Amazon SES, API v2, SendEmail with the whole message as MIME. SES puts a Message-ID of its own in place of ours
 * and knows no idempotency key: events find the message by its tags.
 */
export const channel: ChannelFile<z.infer<typeof settings>> = {
  kind: 'ses',
  channel: 'email',
  reaches: 'people',
  limits: { subjectCharactersMax: 998, payloadBytesMax: 10_000_000 },
  settings,
  resends: false,
  open(own, parts) {
    const { wallClock } = parts
    const { region } = own
    const accessKeyId = own.accessKeyId.reveal()
    const secretAccessKey = own.secretAccessKey.reveal()
    const sessionToken = own.sessionToken?.reveal()
    const credentials = {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
    }
    const url = `${own.endpoint ?? `https://email.${region}.amazonaws.com`}/v2/email/outbound-emails`
    return openHttpChannel({
      wallClock,
      client: clientOf(own, parts),
      secrets: [secretAccessKey, ...(sessionToken === undefined ? [] : [sessionToken])],
      async call(message) {
        const fault = mailFault(message)
        if (fault !== null) return fault
        const body = JSON.stringify({
          Content: { Raw: { Data: (await mimeOf(message)).toString('base64') } },
          Destination: { ToAddresses: [message.address] },
          ...(own.configurationSet === undefined ? {} : { ConfigurationSetName: own.configurationSet }),
          EmailTags: [{ Name: messageTag, Value: message.messageId }],
        })
        const headers = { 'content-type': 'application/json' }
        const signed = signV4(
          { url, headers, body },
          { region, service: 'ses', credentials },
          wallClock.now(),
        )
        return { url, headers: signed, body }
      },
      resultOf,
    })
  },
}

/** About the account or its set-up: it says nothing of the message, and passes when somebody mends it. */
const aboutUs =
  /AccountSuspended|SendingPaused|MailFromDomainNotVerified|SignatureDoesNotMatch|InvalidSignature|UnrecognizedClient|InvalidClientTokenId|ExpiredToken|IncompleteSignature|MissingAuthenticationToken|AccessDenied|OptInRequired|NotFound|RequestExpired/
/** The day's quota is counted over 24 hours; asking again within the hour is soon enough. */
const dailyQuotaMs = 3_600_000

function resultOf(answer: Answer): SendResult {
  const { status, headers, json } = answer
  if (status === 200) return { kind: 'sent', providerMessageId: textOf(json.MessageId) }
  const header = headers['x-amzn-errortype']
  const type = textOf(typeof header === 'string' ? header : json.__type).replace(/^.*#|:.*$/g, '')
  const detail = textOf(json.message ?? json.Message)
  if (/TooManyRequests|Throttling|LimitExceeded/.test(type)) {
    return throttled(answer, /daily/i.test(detail) ? dailyQuotaMs : 1000)
  }
  const said = `${type} ${detail}`.trim()
  if (aboutUs.test(type) || /not verified/i.test(detail)) {
    return { kind: 'transient', reason: `ses_${status}: ${shortOf(said)}`, ofProvider: true }
  }
  return resultOfStatus(answer, 'ses', said)
}
