import { setImmediate } from 'node:timers/promises'
import type { ChannelName } from '#contracts/campaign.ts'
import type { Channel, OutgoingMessage, SendResult } from '#contracts/message.ts'
import type { ChannelFile, ChannelSettings } from '../channel-file.ts'
import { insertOutbox } from '../outbox-rows.ts'

/** Keeps every channel's messages here, as the customer would see them. */
export const channel: ChannelFile = {
  provider: 'outbox',
  reaches: 'nobody',
  open(settings) {
    const write = createWriter(settings)
    return names.map((name) => openOutbox(name, write))
  },
}

const names: ChannelName[] = ['email', 'sms', 'push', 'in-app', 'webhook']

type Write = (name: ChannelName, message: OutgoingMessage) => Promise<void>

function openOutbox(name: ChannelName, write: Write): Channel {
  return {
    name,
    provider: 'outbox',
    async send(message): Promise<SendResult> {
      try {
        await write(name, message)
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
}

interface Waiting {
  name: ChannelName
  message: OutgoingMessage
  resolve(): void
  reject(error: unknown): void
}

/** One transaction for all that arrived while the last one was written: a commit costs a disk flush. */
function createWriter({ store, clock }: ChannelSettings): Write {
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
            await insertOutbox(tx.workspace(workspace), entries, now)
          }
        })
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    writing = false
  }
  return (name, message) =>
    new Promise((resolve, reject) => {
      waiting.push({ name, message, resolve, reject })
      if (!writing) void drain()
    })
}
