import { describe, expect, test } from 'vitest'
import type { SendResult } from '#contracts/message.ts'
import { loadMessage } from '../../../src/action/message-rows.ts'
import { unsubscribe } from '../../../src/action/unsubscribe.ts'
import { unsubscribedPage, unsubscribePage } from '../../../src/action/unsubscribe-page.ts'
import {
  acme,
  calmWorld,
  createBench,
  deny,
  newMessage,
  queue,
  scriptedChannel,
  sent,
  settle,
  start,
  withStore,
} from './support.ts'

const consents = {
  setConsent: (db: Parameters<typeof deny>[0], { customerId }: { customerId: string }) =>
    deny(db, customerId),
  topicOf: async () => undefined,
}

describe('unsubscribe', () => {
  test('no send begins after the acknowledgement; what was under way is listed', async () => {
    await withStore(async (store) => {
      let release = (_: SendResult): void => {}
      const { calls, channel } = scriptedChannel(
        () =>
          new Promise<SendResult>((resolve) => {
            release = resolve
          }),
      )
      const { sender } = await createBench(store, channel, calmWorld(), { inFlightMax: 1 })
      await queue(store, [newMessage({ messageId: 'm1', dueAt: start - 1 }), newMessage({ messageId: 'm2' })])
      await sender.step()
      const answer = await unsubscribe(store, { workspace: 'acme', messageId: 'm2' }, consents, start)
      expect(answer).toEqual({
        kind: 'unsubscribed',
        customerId: 'ann',
        channel: 'email',
        alreadySending: ['m1'],
      })
      release(sent)
      await settle(sender)
      expect(calls.map((message) => message.messageId)).toEqual(['m1'])
      expect((await loadMessage(acme(store), 'm2'))!.message).toMatchObject({
        state: 'lapsed',
        reason: 'consent:consent_denied',
      })
    })
  })

  test('racing with the claims of many messages, none begins after it', async () => {
    await withStore(async (store) => {
      let acknowledged = false
      const after: string[] = []
      const { calls, channel } = scriptedChannel(async (message) => {
        if (acknowledged) after.push(message.messageId)
        await new Promise((resolve) => setImmediate(resolve))
        return sent
      })
      const { sender } = await createBench(store, channel, calmWorld(), { inFlightMax: 4 })
      await queue(
        store,
        Array.from({ length: 60 }, (_, i) => newMessage({ messageId: `m${i}` })),
      )
      const playing = settle(sender)
      const answer = await unsubscribe(store, { workspace: 'acme', messageId: 'm59' }, consents, start)
      acknowledged = true
      await playing
      const listed = answer.kind === 'unsubscribed' ? answer.alreadySending : []
      expect(after.filter((id) => !listed.includes(id))).toEqual([])
      expect(calls.length).toBeLessThan(60)
    })
  })

  test('a message of another workspace or none at all is not found', async () => {
    await withStore(async (store) => {
      await queue(store, [newMessage({ messageId: 'm1' })], 'other')
      expect(await unsubscribe(store, { workspace: 'acme', messageId: 'm1' }, consents, start)).toEqual({
        kind: 'not-found',
      })
    })
  })
})

test('the page only offers to post', () => {
  const html = unsubscribePage({ topic: null, preferencesUrl: 'https://s.example/p/x' })
  expect(html).toContain('<form method="post">')
  expect(html).toContain('name="List-Unsubscribe" value="One-Click"')
  expect(html).not.toMatch(/<script|<img|src=|http-equiv/)
  expect(unsubscribedPage(0, '/p/x')).not.toContain('on the way')
  expect(unsubscribedPage(2, '/p/x')).toContain('2 messages were')
})
