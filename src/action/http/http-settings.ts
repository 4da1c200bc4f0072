import { z } from 'zod'
import { type HttpClientOptions, httpDefaults } from './http-client.ts'

/** How long a vendor may take to answer; every kind over HTTP has this setting. */
export const answerTimeoutMs = z
  .int()
  .min(100)
  .max(90_000)
  .default(httpDefaults.answerTimeoutMs)
  .describe('Longest wait for an answer, in milliseconds; a claim lasts 120,000.')

/** Where the vendor's API is: without a slash at the end. */
export function endpoint(standard: string) {
  return z
    .url({ protocol: /^https?$/ })
    .transform((url) => url.replace(/\/+$/, ''))
    .default(standard)
}

/** A connection for each message in flight: one that waited for a connection would be `unknown` after a crash. */
export function clientOf(
  settings: { answerTimeoutMs: number },
  { inFlightMax }: { inFlightMax: number },
): HttpClientOptions {
  return { answerTimeoutMs: settings.answerTimeoutMs, connectionsMax: inFlightMax }
}
