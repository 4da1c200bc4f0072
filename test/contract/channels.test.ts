import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Channel, OutgoingMessage } from '#contracts/message.ts'
import { createSteppedClock } from '#platform/clock/stepped-clock.ts'
import type { Store } from '#platform/store/store.ts'
import type { ChannelSettings } from '../../src/action/channel-file.ts'
import { channelFiles, loadChannels } from '../../src/action/load-channels.ts'
import { openTestStore } from '../support/test-store.ts'
import { startSmtpServer } from '../unit/action/smtp-servers.ts'

const files = await channelFiles()
let folder: string
let store: Store
let settings: ChannelSettings
let smtp: Awaited<ReturnType<typeof startSmtpServer>>

/** How a test looks at what a provider got; a new channel brings its own. */
const receivedBy: Record<string, () => Promise<string[]>> = {
  smtp: async () => smtp.received.map(({ raw }) => /message-id: <(.+)@/i.exec(raw.toString())![1]!),
  outbox: async () => {
    const rows = await store.read.workspace('acme').selectFrom('outbox').select('outbox.message_id').execute()
    return rows.map((row) => row.message_id)
  },
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-channels-'))
  store = await openTestStore(folder)
  smtp = await startSmtpServer()
  settings = { store, clock: createSteppedClock(0), smtp: smtp.settings }
})

afterAll(async () => {
  await smtp.close()
  await store.close()
  await rm(folder, { recursive: true })
})

function outgoing(messageId: string, parts: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    workspace: 'acme',
    messageId,
    idempotencyKey: messageId,
    customerId: 'ann',
    address: 'ann@example.com',
    from: 'Acme <hello@acme.example>',
    subject: 'Grüße 🐦',
    html: '<p>ü</p>',
    text: 'ü',
    headers: { 'Message-ID': `<${messageId}@acme.example>` },
    ...parts,
  }
}

async function withChannels(
  file: (typeof files)[number],
  work: (channels: Channel[], received: () => Promise<string[]>) => Promise<void>,
): Promise<void> {
  const channels = file.channel.open(settings)
  const received = receivedBy[file.channel.provider]
  if (received === undefined) throw new Error(`tell this suite how to see what ${file.file} sent`)
  try {
    await work(channels, received)
  } finally {
    await Promise.all(channels.map((channel) => channel.close()))
  }
}

describe.each(files)('$file', (file) => {
  test('names its provider, and each of its channels once', async () => {
    await withChannels(file, async (channels) => {
      expect(channels.length).toBeGreaterThan(0)
      expect(new Set(channels.map((channel) => channel.name)).size).toBe(channels.length)
      for (const channel of channels) expect(channel.provider).toBe(file.channel.provider)
    })
  })

  test('opens where nothing is configured, with channels that keep or none', () => {
    const channels = file.channel.open({ ...settings, smtp: null })
    if (file.channel.reaches === 'people') expect(channels).toEqual([])
  })

  test('sends, says so, and the provider has it once', async () => {
    await withChannels(file, async (channels, received) => {
      for (const channel of channels) {
        const id = `${file.channel.provider}-${channel.name}-one`
        const result = await channel.send(outgoing(id))
        expect(result).toMatchObject({ kind: 'sent', providerMessageId: expect.stringMatching(/./) })
        expect((await received()).filter((got) => got === id)).toHaveLength(1)
      }
    })
  })

  test('many at once, none lost', async () => {
    await withChannels(file, async ([channel], received) => {
      const ids = Array.from({ length: 40 }, (_, i) => `${file.channel.provider}-many-${i}`)
      const results = await Promise.all(ids.map((id) => channel!.send(outgoing(id))))
      expect(results.map((result) => result.kind)).toEqual(ids.map(() => 'sent'))
      const got = new Set(await received())
      expect(ids.filter((id) => !got.has(id))).toEqual([])
    })
  })

  test('answers with a result, never a throw, whatever it is given', async () => {
    await withChannels(file, async ([channel]) => {
      const odd = [
        outgoing('odd-1', { address: '' }),
        outgoing('odd-2', { address: 'a@b.example\r\nBcc: c@d.example' }),
        outgoing('odd-3', { from: '' }),
        outgoing('odd-4', { subject: 'x\r\nBcc: c@d.example', html: '', text: '' }),
      ]
      for (const message of odd) {
        expect(['sent', 'permanent', 'transient']).toContain((await channel!.send(message)).kind)
      }
      expect(smtp.received.every(({ to }) => to === 'ann@example.com')).toBe(true)
      expect(smtp.received.some(({ raw }) => /^bcc:/im.test(raw.toString()))).toBe(false)
    })
  })

  test('closes twice without complaint, and sends nothing real afterwards', async () => {
    const channels = file.channel.open(settings)
    for (const channel of channels) await channel.close()
    for (const channel of channels) await channel.close()
    if (file.channel.reaches === 'nobody') return
    for (const channel of channels) expect((await channel.send(outgoing('late'))).kind).toBe('transient')
  })
})

test('the set has an outbox for every channel that reaches people', async () => {
  const channels = await loadChannels(settings)
  for (const name of channels.real.keys()) expect(channels.outbox.has(name)).toBe(true)
  await channels.close()
})
