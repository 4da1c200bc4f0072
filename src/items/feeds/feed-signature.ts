import { createHmac, timingSafeEqual } from 'node:crypto'
import type { InstantMs } from '#contracts/clock.ts'

/** A publisher's clock may be so far ahead of ours. */
const aheadMaxMs = 300_000

export type Signed = { kind: 'signed'; at: InstantMs } | { kind: 'refused'; detail: string }

/**
 * Whether a feed was signed by its publisher as Standard Webhooks has it: HMAC-SHA256 over `id.timestamp.body`,
 * one of several signatures in `v1,…` form. How old it is matters only beside what was taken before: a file on a
 * plain web server is signed when it is made.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function checkFeedSignature(
  { body, headers }: { body: Buffer; headers: Readonly<Record<string, string | string[] | undefined>> },
  secret: string,
  now: InstantMs,
): Signed {
  const header = (name: string): string => {
    const value = headers[`webhook-${name}`]
    return typeof value === 'string' ? value : ''
  }
  const id = header('id')
  const timestamp = header('timestamp')
  if (id === '' || !/^\d{1,12}$/.test(timestamp) || header('signature') === '')
    return refused('webhook-id, webhook-timestamp or webhook-signature is missing')
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest()
  const isOurs = header('signature')
    .split(' ')
    .some((versioned) => {
      const [version, signature = ''] = versioned.split(',')
      const given = Buffer.from(signature, 'base64')
      return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected)
    })
  if (!isOurs) return refused('the signature does not fit')
  const at = Number(timestamp) * 1000
  return at > now + aheadMaxMs ? refused('it was signed in the future') : { kind: 'signed', at }
}

function refused(detail: string): Signed {
  return { kind: 'refused', detail }
}
