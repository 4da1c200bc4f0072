import type { IncomingHttpHeaders } from 'node:http'
import type { InstantMs } from '#contracts/clock.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/**
 * How long the server asks to be left alone: `Retry-After` in seconds or as a date (RFC 9110, 10.2.3). Undefined
 * where it says nothing that can be read; at most a day. `now` is the wall clock's.
 */
export function retryAfterMs(headers: IncomingHttpHeaders, now: InstantMs): number | undefined {
  const value = headers['retry-after']?.trim()
  if (value === undefined || value === '') return undefined
  const ms = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  if (!Number.isFinite(ms)) return undefined
  return Math.min(Math.max(0, Math.ceil(ms)), dayMs)
}
