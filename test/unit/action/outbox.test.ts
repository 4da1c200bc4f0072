import { JSDOM } from 'jsdom'
import { describe, expect, test } from 'vitest'
import { providersFor } from '../../../src/action/channel-for.ts'
import { channelFiles } from '../../../src/action/load-channels.ts'
import { openChannels } from '../../../src/action/open-channels.ts'
import { outboxListPage, outboxMessagePage } from '../../../src/action/outbox-page.ts'
import { listOutbox, loadOutboxMessage } from '../../../src/action/outbox-rows.ts'
import {
  acme,
  calmWorld,
  channelSet,
  createBench,
  newMessage,
  queue,
  scriptedChannel,
  sent,
  settle,
  start,
  withStore,
} from './support.ts'

const silent = { error() {}, warn() {}, info() {}, debug() {} }
const workspace = { workspace: 'acme', name: 'Acme & <Sons>', sendMode: 'outbox' as const }

describe('send mode', () => {
  const { channel } = scriptedChannel(() => sent)
  const channels = channelSet(channel)
  const pick = (sendMode: 'outbox' | 'allowlist' | 'live', address: string, allowlist: string[] = []) =>
    providersFor(channels, { sendMode, allowlist }, { channel: 'email', address, messageId: 'm' })[0]!.id

  test.each([
    ['outbox', 'ann@example.com', ['ann@example.com'], 'outbox'],
    ['live', 'ann@example.com', [], 'scripted'],
    ['allowlist', 'ann@example.com', [], 'outbox'],
    ['allowlist', 'Ann@Example.com', ['ann@example.COM'], 'scripted'],
    ['allowlist', 'ann@example.com', ['@Example.com'], 'scripted'],
    ['allowlist', 'ann@evil-example.com', ['@example.com'], 'outbox'],
    ['allowlist', 'ann@example.com.evil.com', ['@example.com'], 'outbox'],
    ['allowlist', 'ann@sub.example.com', ['@example.com'], 'outbox'],
  ] as const)('%s, %s, %j: %s', (mode, address, allowlist, provider) => {
    expect(pick(mode, address, [...allowlist])).toBe(provider)
  })

  test('live without a real channel stays in the outbox', () => {
    const none = { ...channels, real: new Map() }
    const message = { channel: 'email', address: 'a@b.example', messageId: 'm' } as const
    expect(providersFor(none, { sendMode: 'live', allowlist: [] }, message)).toEqual([channels.outbox])
  })
})

describe('outbox', () => {
  test('shows each message as the customer would see it, newest first', async () => {
    await withStore(async (store) => {
      const world = calmWorld()
      world.workspace.sendMode = 'outbox'
      const { channel } = scriptedChannel(() => sent)
      const bench = await createBench(store, channel, world)
      const parts = { ...bench.parts, publicUrl: 'https://s.example' }
      const channels = openChannels(await channelFiles(), [], { ...parts, logger: silent })
      const { sender } = await createBench(store, channel, world, {
        channels,
        clock: bench.clock,
        render: {
          about: () => ({ from: null, utm: {} }),
          render: ({ message }) => ({
            kind: 'rendered',
            content: {
              subject: `<b>${message.message_id}</b>`,
              html: `<p>Hi "Ann" &amp; co</p><script>alert(1)</script>`,
              text: '<plain>',
              url: '',
              data: {},
            },
          }),
        },
      })
      await queue(store, [newMessage({ messageId: 'm1', dueAt: start - 1 })])
      await settle(sender)
      bench.clock.stepTo(start + 1000)
      await queue(store, [newMessage({ messageId: 'm2' })])
      await settle(sender)

      const entries = await listOutbox(acme(store), { limit: 1 })
      expect(entries).toMatchObject([{ message_id: 'm2', state: 'sent', address: 'ann@example.com' }])
      const position = { createdAt: entries[0]!.created_at, messageId: 'm2' }
      expect(await listOutbox(acme(store), { limit: 5, before: position })).toMatchObject([
        { message_id: 'm1' },
      ])

      const list = new JSDOM(outboxListPage(workspace, entries, position)).window.document
      expect(list.querySelector('tbody a')!.textContent).toBe('<b>m2</b>')
      expect(list.querySelector('tbody a')!.getAttribute('href')).toBe('/outbox/m2')
      expect(list.querySelector('nav a')!.getAttribute('href')).toBe(`/outbox?before=${start + 1000}.m2`)
      expect(list.querySelector('.mode')!.textContent).toContain('nothing leaves')
      expect(list.querySelector('time')!.textContent).toBe('2026-03-02 12:00:01 UTC')

      const message = await loadOutboxMessage(acme(store), 'm2')
      const shown = new JSDOM(outboxMessagePage(workspace, message!)).window.document
      const frame = shown.querySelector('iframe')!
      expect(frame.getAttribute('sandbox')).not.toMatch(/allow-scripts|allow-same-origin/)
      expect(frame.getAttribute('srcdoc')).toBe(
        '<base target="_blank"><p>Hi "Ann" &amp; co</p><script>alert(1)</script>',
      )
      expect(shown.querySelectorAll('script')).toHaveLength(0)
      expect([...shown.querySelectorAll('pre')].map((pre) => pre.textContent)).toEqual([
        '<plain>',
        expect.stringContaining('List-Unsubscribe-Post: List-Unsubscribe=One-Click'),
      ])
      expect(outboxListPage(workspace, [], null)).not.toMatch(/https?:|<link|<script/)
      expect(await loadOutboxMessage(store.read.workspace('other'), 'm2')).toBeNull()
    })
  })
})
