import { setImmediate } from 'node:timers/promises'
import { z } from 'zod'
import type { OutgoingMessage, SendResult } from '#contracts/message.ts'
import type { ChannelFile, ChannelParts } from '../channel-file.ts'
import { insertOutbox } from '../outbox-rows.ts'

/** Keeps every channel's messages here, as the customer would see them. */
export const channel: ChannelFile<Record<string, never>> = {
  kind: 'outbox',
  channel: 'every',
  reaches: 'nobody',
  limits: {},
  settings: z.strictObject({}),
  // The same message once more leaves the first.
  resends: true,
  open(_, parts) {
    const write = createWriter(parts)
    return {
      async send(message): Promise<SendResult> {
        try {
          await write(message)
        } catch (error) {
          // The transaction was rolled back: nothing is in the outbox.
          return {
            kind: 'transient',
            reason: `outbox: ${error instanceof Error ? error.message : String(error)}`,
          }
        }
        return { kind: 'sent', providerMessageId: message.messageId }
      },
      close: async () => {},
    }
  },
}

type Write = (message: OutgoingMessage) => Promise<void>

interface Waiting {
  message: OutgoingMessage
  resolve(): void
  reject(error: unknown): void
}

/** One transaction for all that arrived while the last one was written: a commit costs a disk flush. */
function createWriter({ store, clock }: ChannelParts): Write {
  const waiting: Waiting[] = []
  let writing = false
  const drain = async (): Promise<void> => {
    writing = true
    // All messages of one claim are written together, the first of them too.
    await setImmediate()
    while (waiting.length > 0) {
      const batch = waiting.splice(0, 256)
      try {
        await store.transaction(async (tx) => {
          const now = clock.now()
          for (const [workspace, entries] of Map.groupBy(batch, ({ message }) => message.workspace)) {
            await insertOutbox(
              tx.workspace(workspace),
              entries.map(({ message }) => message),
              now,
            )
          }
        })
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    writing = false
  }
  return (message) =>
    new Promise((resolve, reject) => {
      waiting.push({ message, resolve, reject })
      if (!writing) void drain()
    })
}
