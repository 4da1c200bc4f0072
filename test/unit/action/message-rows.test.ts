import { describe, expect, test } from 'vitest'
import {
  insertMessages,
  listMessages,
  loadContacts,
  loadMessage,
  moveMessages,
} from '../../../src/action/message-rows.ts'
import {
  acme,
  calmWorld,
  createBench,
  day,
  newMessage,
  queue,
  scriptedChannel,
  sent,
  settle,
  start,
  withStore,
} from './support.ts'

describe('the ledger', () => {
  test('the same batch twice queues once', async () => {
    await withStore(async (store) => {
      await queue(store, [newMessage({ messageId: 'm1' })])
      await store.transaction((tx) =>
        insertMessages(
          tx.workspace('acme'),
          [newMessage({ messageId: 'm1', address: 'x@y.example' })],
          start + 1,
        ),
      )
      const story = await loadMessage(acme(store), 'm1')
      expect(story!.message).toMatchObject({ address: 'ann@example.com', created_at: start, state: 'queued' })
      expect(story!.transitions).toHaveLength(1)
      expect(JSON.parse(story!.message.context_json)).toEqual({
        event: { name: 'Signed Up', properties: {} },
      })
    })
  })

  test('contacts: queued by their due time, slots taken since then; failed and lapsed hold none', async () => {
    await withStore(async (store) => {
      const { channel } = scriptedChannel((message) =>
        message.messageId === 'bad' ? { kind: 'permanent', reason: 'x', suppress: false } : sent,
      )
      const { sender, clock } = await createBench(store, channel, calmWorld())
      await queue(store, [
        newMessage({ messageId: 'sent' }),
        newMessage({ messageId: 'bad' }),
        newMessage({ messageId: 'gone', expiresAt: start - 1 }),
      ])
      await settle(sender)
      await queue(store, [
        newMessage({ messageId: 'next', dueAt: start + day, campaignId: 'other' }),
        newMessage({ messageId: 'b', customerId: 'bob' }),
      ])
      const contacts = await loadContacts(acme(store), ['ann', 'nobody'], clock.now() - day)
      expect([...contacts.keys()]).toEqual(['ann'])
      expect(contacts.get('ann')!.sort((a, b) => a.at - b.at)).toEqual([
        {
          messageId: 'sent',
          channel: 'email',
          campaignId: 'welcome',
          state: 'sent',
          at: start,
          transactional: false,
        },
        {
          messageId: 'next',
          channel: 'email',
          campaignId: 'other',
          state: 'queued',
          at: start + day,
          transactional: false,
        },
      ])
      expect(
        (await loadContacts(acme(store), ['ann'], start + 1)).get('ann')!.map((slot) => slot.messageId),
      ).toEqual(['next'])
    })
  })

  test('lists newest first, page by page, and moves with a merge', async () => {
    await withStore(async (store) => {
      await queue(
        store,
        ['a', 'b', 'c'].map((messageId) => newMessage({ messageId })),
      )
      const first = await listMessages(acme(store), { limit: 2 })
      expect(first.map((row) => row.message_id)).toEqual(['c', 'b'])
      const before = { createdAt: first[1]!.created_at, messageId: first[1]!.message_id }
      expect((await listMessages(acme(store), { limit: 2, before })).map((row) => row.message_id)).toEqual([
        'a',
      ])
      await store.transaction((tx) => moveMessages(tx.workspace('acme'), 'ann', 'bob'))
      expect(await listMessages(acme(store), { customerId: 'ann', limit: 9 })).toEqual([])
      expect(
        await listMessages(acme(store), {
          customerId: 'bob',
          state: 'queued',
          campaignId: 'welcome',
          limit: 9,
        }),
      ).toHaveLength(3)
    })
  })
})
