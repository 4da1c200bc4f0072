import type { InstantMs } from '#contracts/clock.ts'
import type { OutgoingMessage, SendResult } from '#contracts/message.ts'

/** RFC 8030 lets a service cap it, and FCM and Mozilla do at four weeks. */
const livesSecondsMax = 28 * 86_400

/** How long a push service may keep it for a device that is away: until the message lapses. */
export function livesSeconds({ expiresAt }: OutgoingMessage, now: InstantMs): number {
  if (expiresAt === undefined) return livesSecondsMax
  return Math.min(livesSecondsMax, Math.max(0, Math.floor((expiresAt - now) / 1000)))
}

/** What a service worker or an app is given; what is empty is left out. */
export interface PushContent {
  messageId: string
  title: string
  body: string
  url?: string
  data?: OutgoingMessage['data']
}

export function pushContentOf({ messageId, subject, text, url, data }: OutgoingMessage): PushContent {
  return {
    messageId,
    title: subject,
    body: text,
    ...(url === '' ? {} : { url }),
    ...(Object.keys(data).length === 0 ? {} : { data }),
  }
}

export function tooLarge(bytes: number, bytesMax: number): SendResult {
  return {
    kind: 'permanent',
    reason: `payload_too_large: ${bytes} bytes of at most ${bytesMax}`,
    suppress: false,
  }
}

/** The address is of another kind of endpoint, or of none: a fault of ours or of an import. */
export const badAddress: SendResult = { kind: 'permanent', reason: 'bad_address', suppress: false }

/** The push service says that nobody is there any more. */
export function gone(reason: string): SendResult {
  return { kind: 'permanent', reason, suppress: false, endpointGone: true }
}
