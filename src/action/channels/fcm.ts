import { z } from 'zod'
import type { Channel, OutgoingMessage, SendResult } from '#contracts/message.ts'
import { parsePushAddress } from '#contracts/push-address.ts'
import type { ChannelFile, ChannelParts } from '../channel-file.ts'
import { openHttpChannel } from '../http/http-channel.ts'
import { createHttpClient, type HttpCall } from '../http/http-client.ts'
import { type Answer, resultOfStatus, shortOf, textOf, throttled } from '../http/http-result.ts'
import { answerTimeoutMs, clientOf, endpoint } from '../http/http-settings.ts'
import { createGoogleToken, type GoogleToken } from '../push/google-token.ts'
import { pemOf, privateKeyOf } from '../push/pem.ts'
import { badAddress, gone, livesSeconds, pushContentOf, tooLarge } from '../push/push-content.ts'
import { secret } from '../secret.ts'

/** Of the service account's file; the names there have underscores. */
const settings = z.strictObject({
  projectId: z.string().regex(/^[a-z0-9:.-]{1,100}$/),
  clientEmail: z.email(),
  privateKey: secret().refine((key) => privateKeyOf(key.reveal(), 'rsa') !== null, {
    error: 'must be the RSA private key of the service account, in PEM',
  }),
  endpoint: endpoint('https://fcm.googleapis.com'),
  oauthUrl: endpoint('https://oauth2.googleapis.com/token'),
  answerTimeoutMs,
})
type Settings = z.infer<typeof settings>

/** Firebase documentation, "About FCM messages": the payload of a message. */
const payloadBytesMax = 4096

/** Firebase Cloud Messaging by its HTTP v1 API: Android, and iOS and browsers that use its library. */
export const channel: ChannelFile<Settings> = {
  kind: 'fcm',
  channel: 'push',
  reaches: 'people',
  serves: (address) => address.startsWith('fcm:'),
  limits: { payloadBytesMax },
  settings,
  // It knows no idempotency key; a collapse key replaces only what the device has not fetched yet.
  resends: false,
  open: openFcm,
}

function openFcm(own: Settings, parts: ChannelParts): Channel {
  const client = createHttpClient(clientOf(own, parts))
  const privateKey = pemOf(own.privateKey.reveal())
  const account = { clientEmail: own.clientEmail, privateKey, oauthUrl: own.oauthUrl }
  const token = createGoogleToken(account, client, parts.wallClock)
  const calls = openHttpChannel({
    wallClock: parts.wallClock,
    client: clientOf(own, parts),
    secrets: [privateKey],
    call: (message) => callOf(message, own, token, parts),
    resultOf: (answer) => resultOf(answer, token),
  })
  return {
    send: (message) => calls.send(message),
    async close() {
      await Promise.all([calls.close(), client.close()])
    },
  }
}

async function callOf(
  message: OutgoingMessage,
  { projectId, endpoint: base }: Settings,
  token: GoogleToken,
  { clock }: ChannelParts,
): Promise<HttpCall | SendResult> {
  const address = parsePushAddress(message.address)
  if (address?.kind !== 'fcm') return badAddress
  const { content, bytes } = contentOf(message)
  if (bytes > payloadBytesMax) return tooLarge(bytes, payloadBytesMax)
  const access = await token.get()
  if (typeof access !== 'string') return access
  const seconds = livesSeconds(message, clock.now())
  const { messageId, url } = message
  const body = {
    message: {
      token: address.token,
      ...content,
      android: { collapse_key: messageId, ttl: `${seconds}s`, priority: 'HIGH' },
      // Apple's own header is an instant; 0 would be "now or never".
      apns: { headers: { 'apns-collapse-id': messageId.slice(0, 64) } },
      webpush: {
        headers: { TTL: String(seconds) },
        ...(url.startsWith('https://') ? { fcm_options: { link: url } } : {}),
      },
    },
  }
  return {
    url: `${base}/v1/projects/${projectId}/messages:send`,
    headers: { authorization: `Bearer ${access}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }
}

/** Its `data` is a map of texts: what is none is given as JSON. */
function contentOf(message: OutgoingMessage) {
  const { title, body, url, messageId } = pushContentOf(message)
  const texts = Object.entries(message.data).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  const content = {
    notification: { title, body },
    data: { ...Object.fromEntries(texts), messageId, ...(url === undefined ? {} : { url }) },
  }
  return { content, bytes: Buffer.byteLength(JSON.stringify(content)) }
}

/** Firebase documentation, "FCM error codes", with `google.rpc.Status` around them. */
function resultOf(answer: Answer, token: GoogleToken): SendResult {
  const { status, json } = answer
  if (status === 200) return { kind: 'sent', providerMessageId: textOf(json.name) }
  const error = (json.error ?? {}) as { status?: unknown; message?: unknown; details?: unknown }
  const details = Array.isArray(error.details) ? (error.details as Record<string, unknown>[]) : []
  const code =
    details.map((detail) => textOf(detail.errorCode)).find((own) => own !== '') ?? textOf(error.status)
  const reason = `fcm_${code || status}: ${shortOf(textOf(error.message))}`
  switch (code) {
    case 'UNREGISTERED':
      return gone(reason)
    case 'INVALID_ARGUMENT':
      // Of the token: it never was one. Of anything else: of what we said.
      return namesToken(details) ? gone(reason) : { kind: 'permanent', reason, suppress: false }
    case 'SENDER_ID_MISMATCH':
      return { kind: 'permanent', reason, suppress: false }
    case 'QUOTA_EXCEEDED':
      return throttled(answer)
    case 'THIRD_PARTY_AUTH_ERROR':
      return { kind: 'transient', reason, ofProvider: true }
  }
  if (status === 401) token.forget()
  // A project that is not there answers 404 as well, without a code of FCM's.
  return resultOfStatus(answer, 'fcm', `${code} ${textOf(error.message)}`)
}

function namesToken(details: Record<string, unknown>[]): boolean {
  return details.some(
    ({ fieldViolations }) =>
      Array.isArray(fieldViolations) &&
      fieldViolations.some((violation: { field?: unknown }) => violation?.field === 'message.token'),
  )
}
