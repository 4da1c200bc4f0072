import { createECDH } from 'node:crypto'
import webPush from 'web-push'
import { z } from 'zod'
import type { Channel, OutgoingMessage, SendResult } from '#contracts/message.ts'
import { parsePushAddress } from '#contracts/push-address.ts'
import type { ChannelFile, ChannelParts } from '../channel-file.ts'
import { openHttpChannel } from '../http/http-channel.ts'
import type { HttpCall } from '../http/http-client.ts'
import { type Answer, resultOfStatus, shortOf, throttled } from '../http/http-result.ts'
import { answerTimeoutMs, clientOf } from '../http/http-settings.ts'
import { badAddress, gone, livesSeconds, pushContentOf, tooLarge } from '../push/push-content.ts'
import { secret } from '../secret.ts'

/** The browsers' own services: a subscription's address is the customer's word, and we post to it. */
const knownServices = [
  'fcm.googleapis.com',
  'updates.push.services.mozilla.com',
  '*.push.apple.com',
  '*.notify.windows.com',
]

const settings = z.strictObject({
  /** VAPID: whom a push service may write to about us. */
  subject: z.string().regex(/^(mailto:\S+@\S+|https:\/\/\S+)$/, 'must be mailto:… or https://…'),
  /** VAPID: 32 bytes in base64url, of `starling vapid-key`. The public key follows from it. */
  privateKey: secret().refine((key) => publicKeyOf(key.reveal()) !== null, {
    error: 'must be a P-256 private key: 32 bytes in base64url',
  }),
  /** RFC 8030: what a device that saves power may leave for later. */
  urgency: z.enum(['very-low', 'low', 'normal', 'high']).default('normal'),
  /** Hosts that subscriptions may name; `*.` stands for any name before it. */
  services: z
    .array(z.string().regex(/^(\*\.)?[a-z0-9.-]+(:\d{1,5})?$/))
    .min(1)
    .default(knownServices),
  /** `true`: services without TLS too, in tests. */
  plain: z.boolean().default(false),
  answerTimeoutMs,
})
type Settings = z.infer<typeof settings>

/**
 * RFC 8291 by RFC 8188: a record of 4,096 bytes, less its header (16 salt, 4 size, 1 length, 65 key) and 17 of
 * padding delimiter and tag.
 */
const plainBytesMax = 4096 - 86 - 17

/** Web push (RFC 8030), encrypted for the browser (RFC 8291), signed by us (VAPID, RFC 8292). */
export const channel: ChannelFile<Settings> = {
  kind: 'web-push',
  channel: 'push',
  reaches: 'people',
  serves: (address) => address.startsWith('web-push:'),
  limits: { payloadBytesMax: plainBytesMax },
  settings,
  // A topic replaces what has not been fetched yet; what a device has shown it shows again.
  resends: false,
  open: openWebPush,
}

/** Whether we post to that address, by these settings as configured; true where they are not to be read. */
export function isPushService(configured: unknown, address: string): boolean {
  const parsed = settings.safeParse(configured)
  return !parsed.success || isService(parsed.data, address)
}

/** The public key that browsers subscribe with; null where the private one is none. */
export function publicKeyOf(privateKey: string): string | null {
  const bytes = Buffer.from(privateKey, 'base64url')
  if (bytes.length !== 32) return null
  try {
    const curve = createECDH('prime256v1')
    curve.setPrivateKey(bytes)
    return curve.getPublicKey('base64url')
  } catch {
    return null
  }
}

function openWebPush(own: Settings, parts: ChannelParts): Channel {
  const privateKey = own.privateKey.reveal()
  const vapid = { subject: own.subject, publicKey: publicKeyOf(privateKey)!, privateKey }
  return openHttpChannel({
    wallClock: parts.wallClock,
    client: clientOf(own, parts),
    secrets: [privateKey],
    call: (message) => callOf(message, own, vapid, parts),
    resultOf,
  })
}

function callOf(
  message: OutgoingMessage,
  own: Settings,
  vapidDetails: { subject: string; publicKey: string; privateKey: string },
  { clock }: ChannelParts,
): HttpCall | SendResult {
  const endpoint = parsePushAddress(message.address)
  if (endpoint?.kind !== 'web-push') return badAddress
  if (!isService(own, endpoint.endpoint)) {
    return {
      kind: 'permanent',
      reason: `push_service_unknown: ${hostOf(endpoint.endpoint)}`,
      suppress: false,
    }
  }
  const payload = Buffer.from(JSON.stringify(pushContentOf(message)))
  if (payload.length > plainBytesMax) return tooLarge(payload.length, plainBytesMax)
  const { p256dh, auth } = endpoint
  try {
    const details = webPush.generateRequestDetails(
      { endpoint: endpoint.endpoint, keys: { p256dh, auth } },
      payload,
      {
        vapidDetails,
        TTL: livesSeconds(message, clock.now()),
        urgency: own.urgency,
        topic: topicOf(message),
        contentEncoding: 'aes128gcm',
      },
    )
    const headers = Object.fromEntries(
      Object.entries(details.headers).map(([name, value]) => [name.toLowerCase(), String(value)]),
    )
    return { url: endpoint.endpoint, headers, body: details.body ?? Buffer.alloc(0) }
  } catch (error) {
    // The subscription's keys are no point of the curve: nobody can ever read it.
    return gone(`bad_subscription: ${shortOf(String(error))}`)
  }
}

/** RFC 8030, 5.4: at most 32 characters of base64url. The same for every attempt. */
function topicOf({ messageId }: OutgoingMessage): string {
  return /^[\w-]{1,32}$/.test(messageId) ? messageId : Buffer.from(messageId).toString('base64url').slice(-32)
}

/** Whether a subscription's address is one of these push services'. */
function isService({ services, plain }: Pick<Settings, 'services' | 'plain'>, endpoint: string): boolean {
  if (!endpoint.startsWith('https://') && !plain) return false
  const host = hostOf(endpoint)
  return services.some((service) =>
    service.startsWith('*.') ? host.endsWith(service.slice(1)) : host === service,
  )
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : ''
}

/** RFC 8030, 5 and 7.3; Mozilla's and Google's documentation of their services. */
function resultOf(answer: Answer): SendResult {
  const { status, headers } = answer
  if (status >= 200 && status < 300) {
    return { kind: 'sent', providerMessageId: String(headers.location ?? 'accepted') }
  }
  const reason = `web_push_${status}: ${shortOf(answer.body)}`
  if (status === 404 || status === 410) return gone(reason)
  if (status === 413) return { kind: 'permanent', reason: 'payload_too_large', suppress: false }
  if (status === 429) return throttled(answer)
  return resultOfStatus(answer, 'web_push', answer.body)
}
