import { z } from 'zod'
import type { OutgoingMessage, SendResult } from '#contracts/message.ts'
import { e164 } from '#platform/phone/e164.ts'
import { callbackUrl } from '../callback-file.ts'
import type { ChannelFile, ChannelParts } from '../channel-file.ts'
import { basicAuth, openHttpChannel } from '../http/http-channel.ts'
import { type Answer, resultOfStatus, shortOf, textOf, throttled } from '../http/http-result.ts'
import { answerTimeoutMs, clientOf, endpoint } from '../http/http-settings.ts'
import { isPrivateAddress } from '../http/private-address.ts'
import { secret } from '../secret.ts'

const settings = z
  .strictObject({
    accountSid: z.string().regex(/^AC[0-9a-f]{32}$/i, 'AC and 32 hex digits'),
    authToken: secret().exactOptional(),
    apiKeySid: z.string().min(1).exactOptional().describe('An API key instead of the account’s token.'),
    apiKeySecret: secret().exactOptional(),
    from: z
      .string()
      .min(3)
      .exactOptional()
      .describe('Sender: a number of yours in E.164, or an alphanumeric one.'),
    messagingServiceSid: z
      .string()
      .regex(/^MG[0-9a-f]{32}$/i)
      .exactOptional(),
    endpoint: endpoint('https://api.twilio.com'),
    answerTimeoutMs,
  })
  .refine(({ from, messagingServiceSid }) => (from === undefined) !== (messagingServiceSid === undefined), {
    path: ['from'],
    message: 'give from or messagingServiceSid, one of them',
  })
  .refine(
    ({ authToken, apiKeySid, apiKeySecret }) =>
      authToken !== undefined
        ? apiKeySid === undefined
        : apiKeySid !== undefined && apiKeySecret !== undefined,
    { path: ['authToken'], message: 'give authToken, or apiKeySid with apiKeySecret' },
  )
type Settings = z.infer<typeof settings>

/** SMS through Twilio's Messages resource. It knows no idempotency key: the callback's address has the message. */
export const channel: ChannelFile<Settings> = {
  kind: 'twilio',
  channel: 'sms',
  reaches: 'people',
  limits: { smsSegmentsMax: 10, textCharactersMax: 1600 },
  settings,
  resends: false,
  open(own, parts) {
    const user = own.apiKeySid ?? own.accountSid
    const password = (own.apiKeySecret ?? own.authToken)?.reveal() ?? ''
    return openHttpChannel({
      wallClock: parts.wallClock,
      client: clientOf(own, parts),
      secrets: [password, `${user}:${password}`],
      call(message) {
        const to = e164(message.address)
        if (to === undefined) return { kind: 'permanent', reason: 'bad_number', suppress: true }
        if (message.text === '') return { kind: 'permanent', reason: 'no_text', suppress: false }
        return {
          url: `${own.endpoint}/2010-04-01/Accounts/${own.accountSid}/Messages.json`,
          headers: {
            authorization: basicAuth(user, password),
            'content-type': 'application/x-www-form-urlencoded',
            accept: 'application/json',
          },
          body: formOf(message, to, own, parts).toString(),
        }
      },
      resultOf,
    })
  },
}

function formOf(message: OutgoingMessage, to: string, own: Settings, parts: ChannelParts): URLSearchParams {
  const form = new URLSearchParams({ To: to, Body: message.text })
  if (own.from !== undefined) form.set('From', own.from)
  if (own.messagingServiceSid !== undefined) form.set('MessagingServiceSid', own.messagingServiceSid)
  // Twilio refuses a message whose callback it could not reach (21609).
  if (isPublic(parts.publicUrl)) {
    const target = { provider: parts.id, vendor: 'twilio', messageId: message.messageId }
    form.set('StatusCallback', callbackUrl(parts.publicUrl, target))
  }
  return form
}

function isPublic(url: string): boolean {
  const { hostname } = new URL(url)
  return hostname.includes('.') && !isPrivateAddress(hostname)
}

/**
 * The recipient has opted out (21610); or no SMS will ever reach this number: invalid (21211), no mobile (21614),
 * a short code (21265), a landline (21635), premium (21636).
 */
const suppressing = new Set([21610, 21211, 21614, 21265, 21635, 21636])
/**
 * About the account, its senders and permissions, not about the message: 20003 credentials, 20005 suspended, 21212
 * and 21606 sender, 21408 country not enabled, 21659 to 21661 and 21603 sender again, 21701 to 21705 service, 63038
 * day's limit.
 */
const aboutUs = new Set([
  20003, 20005, 20008, 21212, 21603, 21606, 21408, 21659, 21660, 21661, 21701, 21702, 21703, 21704, 21705,
])
const tooMany = new Set([20429, 14107, 63038])

function resultOf(answer: Answer): SendResult {
  const { status, json } = answer
  if (status === 201 || status === 200) return { kind: 'sent', providerMessageId: textOf(json.sid) }
  const code = Number(json.code)
  const reason = `twilio_${Number.isInteger(code) ? code : status}: ${shortOf(textOf(json.message))}`
  if (tooMany.has(code)) return throttled(answer, code === 63038 ? 3_600_000 : 1000)
  if (suppressing.has(code)) return { kind: 'permanent', reason, suppress: true }
  if (aboutUs.has(code)) return { kind: 'transient', reason, ofProvider: true }
  if (status === 429) return throttled(answer, 1000)
  return resultOfStatus(answer, 'twilio', `${textOf(json.code)} ${textOf(json.message)}`)
}
