import type { OutgoingMessage, SendResult } from '#contracts/message.ts'
import type { Provider } from '../../../../src/action/open-channels.ts'

/** A provider whose answers the test gives. */
export function provider(id: string, over: Partial<Provider> = {}): Provider & { calls: OutgoingMessage[] } {
  const calls: OutgoingMessage[] = []
  return {
    id,
    weight: 1,
    resends: false,
    calls,
    async send(message): Promise<SendResult> {
      calls.push(message)
      return { kind: 'sent', providerMessageId: `${id}-${calls.length}` }
    },
    close: async () => {},
    ...over,
  }
}

/** Moved by hand. */
export function handClock(now = 1_000_000) {
  return {
    now: () => now,
    pass(ms: number) {
      now += ms
    },
  }
}
