import { setImmediate } from 'node:timers/promises'
import { z } from 'zod'
import type { Channel, OutgoingMessage, SendResult } from '#contracts/message.ts'
import type { ChannelFile, ChannelParts } from '../channel-file.ts'
import { type InboxEntry, insertInbox } from '../inbox-rows.ts'

const settings = z.strictObject({
  /** How long a message stays in the inbox. */
  keptDays: z.number().positive().max(365).default(30),
})
type Settings = z.infer<typeof settings>

/** The customer's inbox in our own store: it needs no account, and is there without being configured. */
export const channel: ChannelFile<Settings> = {
  kind: 'in-app',
  channel: 'in-app',
  reaches: 'people',
  builtIn: true,
  limits: { subjectCharactersMax: 200, payloadBytesMax: 65_536 },
  settings,
  // The same message once more leaves the first.
  resends: true,
  open: openInApp,
}

interface Waiting {
  message: OutgoingMessage
  resolve(result: SendResult): void
}

/** One transaction for all that arrived while the last one was written: a commit costs a disk flush. */
function openInApp({ keptDays }: Settings, { store, clock, wake }: ChannelParts): Channel {
  const waiting: Waiting[] = []
  let writing = false
  let closed = false
  const drain = async (): Promise<void> => {
    writing = true
    // All messages of one claim are written together, the first of them too.
    await setImmediate()
    while (waiting.length > 0) {
      const batch = waiting.splice(0, 256)
      const result = await write(batch.map(({ message }) => message))
      for (const { message, resolve } of batch)
        resolve(result ?? { kind: 'sent', providerMessageId: message.messageId })
    }
    writing = false
  }
  const write = async (messages: OutgoingMessage[]): Promise<SendResult | null> => {
    try {
      await store.transaction(async (tx) => {
        const now = clock.now()
        for (const [workspace, own] of Map.groupBy(messages, (message) => message.workspace)) {
          const expiresAt = now + keptDays * 86_400_000
          await insertInbox(
            tx.workspace(workspace),
            own.map((message) => entryOf(message, expiresAt)),
            now,
          )
        }
      })
      wake?.notify('inbox')
      return null
    } catch (error) {
      // The transaction was rolled back: nothing is in the inbox.
      return { kind: 'transient', reason: `inbox: ${error instanceof Error ? error.message : String(error)}` }
    }
  }
  return {
    send(message) {
      if (closed) return Promise.resolve({ kind: 'transient', reason: 'closed' })
      return new Promise((resolve) => {
        waiting.push({ message, resolve })
        if (!writing) void drain()
      })
    },
    async close() {
      closed = true
    },
  }
}

function entryOf(message: OutgoingMessage, expiresAt: number): InboxEntry {
  return {
    message_id: message.messageId,
    customer_id: message.customerId,
    title: message.subject,
    html: message.html,
    text: message.text,
    url: message.url,
    data_json: JSON.stringify(message.data),
    expires_at: Math.ceil(expiresAt),
  }
}
