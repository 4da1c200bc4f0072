import { z } from 'zod'
import type { Channel, OutgoingMessage, SendResult } from '#contracts/message.ts'
import { parsePushAddress } from '#contracts/push-address.ts'
import { stableId } from '#platform/ids/ids.ts'
import type { ChannelFile, ChannelParts } from '../channel-file.ts'
import { shortOf } from '../http/http-result.ts'
import { answerTimeoutMs, endpoint } from '../http/http-settings.ts'
import { createRedactor } from '../http/redact.ts'
import { retryAfterMs } from '../http/retry-after.ts'
import { type ApnsOutcome, createApnsClient } from '../push/apns-client.ts'
import { pemOf, privateKeyOf } from '../push/pem.ts'
import { createProviderToken, type ProviderToken } from '../push/provider-token.ts'
import { badAddress, gone, livesSeconds, pushContentOf, tooLarge } from '../push/push-content.ts'
import { secret } from '../secret.ts'

const settings = z.strictObject({
  teamId: z.string().regex(/^[A-Z0-9]{10}$/, 'ten letters and digits, of the developer account'),
  /** Ten letters and digits: of the signing key. */
  keyId: secret().refine((id) => /^[A-Z0-9]{10}$/.test(id.reveal()), { error: 'ten letters and digits' }),
  /** Of the `.p8` file. */
  privateKey: secret().refine((key) => privateKeyOf(key.reveal(), 'ec') !== null, {
    error: 'must be the private key of the .p8 file, in PEM',
  }),
  /** The app's bundle id. */
  topic: z.string().regex(/^[\w.-]{1,155}$/),
  /** Development builds: `https://api.sandbox.push.apple.com`. */
  endpoint: endpoint('https://api.push.apple.com'),
  answerTimeoutMs,
})
type Settings = z.infer<typeof settings>

/** Apple's documentation, "Generating a remote notification": of a regular one. */
const payloadBytesMax = 4096

/** Apple Push Notification service, by tokens over HTTP/2. */
export const channel: ChannelFile<Settings> = {
  kind: 'apns',
  channel: 'push',
  reaches: 'people',
  serves: (address) => address.startsWith('apns:'),
  limits: { payloadBytesMax },
  settings,
  // The collapse id makes a second one replace the first on the screen, but it rings again.
  resends: false,
  open: openApns,
}

function openApns(own: Settings, { clock, wallClock }: ChannelParts): Channel {
  const privateKey = pemOf(own.privateKey.reveal())
  const token = createProviderToken({ teamId: own.teamId, keyId: own.keyId.reveal(), privateKey }, wallClock)
  const client = createApnsClient(own)
  const redact = createRedactor([privateKey])
  return {
    async send(message): Promise<SendResult> {
      const address = parsePushAddress(message.address)
      if (address?.kind !== 'apns') return badAddress
      const body = payloadOf(message)
      const bytes = Buffer.byteLength(body)
      if (bytes > payloadBytesMax) return tooLarge(bytes, payloadBytesMax)
      const headers = {
        authorization: `bearer ${await token.get()}`,
        'apns-topic': own.topic,
        'apns-push-type': 'alert',
        'apns-priority': '10',
        'apns-id': uuidOf(message.messageId),
        'apns-collapse-id': message.messageId.slice(0, 64),
        'apns-expiration': String(Math.floor(clock.now() / 1000) + livesSeconds(message, clock.now())),
        'content-type': 'application/json',
      }
      const outcome = await client.post(`/3/device/${address.token}`, headers, body)
      const result = resultOf(outcome, token, wallClock.now())
      return 'reason' in result ? { ...result, reason: redact(result.reason) } : result
    },
    close: () => client.close(),
  }
}

function payloadOf(message: OutgoingMessage): string {
  const { title, body, url, messageId } = pushContentOf(message)
  return JSON.stringify({
    ...message.data,
    messageId,
    ...(url === undefined ? {} : { url }),
    aps: { alert: { title, body }, sound: 'default' },
  })
}

/** RFC 9562, version 8: of our own making. The same for every attempt. */
export function uuidOf(messageId: string): string {
  const hex = stableId(messageId)
  const variant = ((Number.parseInt(hex[16]!, 16) & 3) | 8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`
}

const throttledMs = 60_000

/** Apple's documentation, "Handling notification responses from APNs". */
function resultOf(outcome: ApnsOutcome, token: ProviderToken, now: number): SendResult {
  if (outcome.kind === 'failed') {
    return outcome.written
      ? { kind: 'unknown', reason: `apns_no_answer: ${shortOf(outcome.reason)}` }
      : { kind: 'transient', reason: `apns_unreachable: ${shortOf(outcome.reason)}` }
  }
  const { status, headers, body } = outcome
  if (status === 200) return { kind: 'sent', providerMessageId: String(headers['apns-id'] ?? '') }
  const said = reasonIn(body)
  const reason = `apns_${status}: ${said}`
  const waitMs = retryAfterMs(headers, now)
  const wait = waitMs === undefined ? {} : { retryAfterMs: waitMs }
  if (status === 410 || said === 'BadDeviceToken') return gone(reason)
  if (status === 413) return { kind: 'permanent', reason: `payload_too_large: ${reason}`, suppress: false }
  if (status === 429) return { kind: 'throttled', retryAfterMs: waitMs ?? throttledMs }
  if (said === 'ExpiredProviderToken') {
    token.forget()
    return { kind: 'transient', reason }
  }
  if (status === 403 || ofAccount.has(said)) return { kind: 'transient', reason, ofProvider: true }
  if (status >= 500) return { kind: 'transient', reason, ...wait }
  return { kind: 'permanent', reason, suppress: false }
}

/** What any message would meet alike. */
const ofAccount = new Set([
  'BadTopic',
  'MissingTopic',
  'TopicDisallowed',
  'BadCertificateEnvironment',
  'BadPath',
])

function reasonIn(body: string): string {
  try {
    return shortOf(String((JSON.parse(body) as { reason?: unknown }).reason ?? ''))
  } catch {
    return ''
  }
}
