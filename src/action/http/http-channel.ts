import type { Clock } from '#contracts/clock.ts'
import type { Channel, OutgoingMessage, SendResult } from '#contracts/message.ts'
import { createHttpClient, type HttpCall, type HttpClientOptions } from './http-client.ts'
import { type Answer, answerOf } from './http-result.ts'
import { createRedactor } from './redact.ts'

/** What one vendor's API is: how it is asked, and what its answers mean. */
export interface HttpVendor {
  wallClock: Clock
  /** Never appear in a result: what the vendor's answers repeat is blackened. */
  secrets: readonly string[]
  client: HttpClientOptions
  /** The call, or why there will be none. */
  call(message: OutgoingMessage): Promise<HttpCall | SendResult> | HttpCall | SendResult
  /** Of an answer that came whole. */
  resultOf(answer: Answer, message: OutgoingMessage): SendResult
}

/** A channel over a vendor's HTTP API. One message is one call; trying again is the sender's. */
export function openHttpChannel(vendor: HttpVendor): Channel {
  const client = createHttpClient(vendor.client)
  const redact = createRedactor(vendor.secrets)
  return {
    async send(message): Promise<SendResult> {
      const call = await vendor.call(message)
      if ('kind' in call) return call
      const answer = answerOf(await client.post(call), vendor.wallClock.now())
      const result = 'kind' in answer ? answer : vendor.resultOf(answer, message)
      return 'reason' in result ? { ...result, reason: redact(result.reason) } : result
    },
    close: () => client.close(),
  }
}

export function basicAuth(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}
