import type { CallbackRequest, CallbackVerdict } from './callback-file.ts'
import { badSignature, base64Bytes, hmac, isSeconds, sameBytes, verifiedWithin } from './callback-parts.ts'

/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
const windowMs = 300_000

/**
 * A webhook signed as Svix and the Standard Webhooks have it: HMAC-SHA256 over `id.timestamp.body`, one of
 * several signatures in `v1,…` form. Svix writes its own names of the same headers.
 */
export function verifyStandardWebhook(
  { body, headers }: Pick<CallbackRequest, 'body' | 'headers'>,
  secret: string,
  now: number,
): CallbackVerdict {
  const header = (name: string) => headers[`svix-${name}`] ?? headers[`webhook-${name}`] ?? ''
  const id = header('id')
  const timestamp = header('timestamp')
  const key = standardWebhookKey(secret)
  if (key === null || id === '' || !isSeconds(timestamp)) {
    return badSignature('its id, its timestamp or its signature is missing')
  }
  const expected = hmac('sha256', key, Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]))
  const isOurs = header('signature')
    .split(' ')
    .some((versioned) => {
      const [version, signature = ''] = versioned.split(',')
      const given = version === 'v1' ? base64Bytes(signature) : null
      return given !== null && sameBytes(given, expected)
    })
  if (!isOurs) return badSignature('the signature does not fit')
  return verifiedWithin(windowMs, Number(timestamp) * 1000, now)
}

/** `whsec_` and base64; null where it is not. */
export function standardWebhookKey(secret: string): Buffer | null {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  return key.length >= 16 ? key : null
}
