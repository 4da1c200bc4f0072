import { createHmac, timingSafeEqual } from 'node:crypto'
import type { CallbackFact } from '#contracts/delivery.ts'
import type { CallbackVerdict } from './callback-file.ts'

/** What several vendors' files need; each stays a description of its vendor. */

const reasonCharactersMax = 500
const addressCharactersMax = 254
const idCharactersMax = 256
const urlCharactersMax = 4096

export const verified: CallbackVerdict = { kind: 'verified' }
export const badSignature = (detail: string): CallbackVerdict => ({ kind: 'bad-signature', detail })

export function hmac(algorithm: 'sha1' | 'sha256', key: string | Buffer, data: string | Buffer): Buffer {
  return createHmac(algorithm, key).update(data).digest()
}

/** In a time that says nothing of how much was right. */
export function sameBytes(given: Buffer, expected: Buffer): boolean {
  return given.length === expected.length && timingSafeEqual(given, expected)
}

/** Base64 in its one canonical form only: signatures that differ in unused bits are not the same. */
export function base64Bytes(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  return bytes.length > 0 && bytes.toString('base64') === text ? bytes : null
}

export function isSeconds(text: string): boolean {
  return /^\d{1,12}$/.test(text)
}

/** Verified, unless what was signed at `signedAtMs` is too old, or from a clock that is far ahead. */
export function verifiedWithin(windowMs: number, signedAtMs: number, now: number): CallbackVerdict {
  if (!Number.isFinite(signedAtMs)) return badSignature('the time of the signature cannot be read')
  const ageMs = now - signedAtMs
  if (Math.abs(ageMs) <= windowMs) return verified
  return { kind: 'stale', detail: `signed ${Math.round(ageMs / 1000)} s ago, at most ${windowMs / 1000} s` }
}

/** A fact with its texts cut to what we keep. */
export function factOf(
  fact: Pick<CallbackFact, 'id' | 'kind' | 'occurredAt'> & Partial<CallbackFact>,
): CallbackFact {
  const { id, kind, occurredAt, url, userAgent, byMachine } = fact
  return {
    id: id.slice(0, idCharactersMax),
    kind,
    messageId: (fact.messageId ?? '').slice(0, idCharactersMax),
    providerMessageId: (fact.providerMessageId ?? '').slice(0, idCharactersMax),
    address: (fact.address ?? '').slice(0, addressCharactersMax),
    occurredAt,
    reason: (fact.reason ?? '').slice(0, reasonCharactersMax),
    ...(url === undefined ? {} : { url: url.slice(0, urlCharactersMax) }),
    ...(userAgent === undefined ? {} : { userAgent }),
    ...(byMachine === true ? { byMachine } : {}),
  }
}

/** Our message's id in the Message-ID header that we gave it: `<id@sender's domain>`; '' in another's. */
export function messageIdOfHeader(header: string): string {
  return /^\s*<?([0-9a-f]{32})@/i.exec(header)?.[1]?.toLowerCase() ?? ''
}

export type Json = Record<string, unknown>

export function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    return undefined
  }
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function objectAt(value: unknown, key: string): Json {
  const own = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
  return isObject(own) ? own : {}
}

export function textAt(value: unknown, key: string): string {
  const own = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
  return typeof own === 'string' ? own : typeof own === 'number' ? String(own) : ''
}

export function listAt(value: unknown, key: string): unknown[] {
  const own = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
  return Array.isArray(own) ? own : []
}

/** An ISO instant, else `otherwise`. */
export function instantOf(text: string, otherwise: number): number {
  const at = Date.parse(text)
  return Number.isNaN(at) ? otherwise : at
}
