import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { campaignSpend, recountSpend, repairSpend } from '../../../src/action/campaign-spend.ts'
import {
  countMessages,
  insertMessages,
  lockMessageRows,
  saveMessages,
} from '../../../src/action/message-rows.ts'
import { markUnknown } from '../../../src/action/recover.ts'
import {
  acme,
  calmWorld,
  createBench,
  newMessage,
  queue,
  scriptedChannel,
  sent,
  settle,
  start,
  withStore,
} from './support.ts'

describe('what campaigns spend', () => {
  test('counts slots taken, at decision also what is queued', async () => {
    await withStore(async (store) => {
      const { channel } = scriptedChannel((_, call) =>
        call === 1 ? sent : { kind: 'permanent', reason: 'x', suppress: false },
      )
      const { sender } = await createBench(store, channel, calmWorld())
      await queue(store, [
        newMessage({ messageId: 'a', dueAt: start - 2 }),
        newMessage({ messageId: 'b', dueAt: start - 1 }),
      ])
      await settle(sender)
      await queue(store, [newMessage({ messageId: 'c', dueAt: start + 1, costMicros: 7500 })])
      const welcome = (micros: number) =>
        new Map([
          ['welcome', micros],
          ['none', 0],
        ])
      expect(await campaignSpend(acme(store), ['welcome', 'none'])).toEqual(welcome(1000))
      expect(await campaignSpend(acme(store), ['welcome', 'none'], 'decision')).toEqual(welcome(8500))
      expect(await countMessages(acme(store))).toEqual({ sent: 1, failed: 1, queued: 1 })
      expect(await recountSpend(acme(store))).toEqual([])
    })
  })

  test('a message that is queued twice costs once', async () => {
    await withStore(async (store) => {
      await queue(store, [newMessage({ messageId: 'm' })])
      await queue(store, [newMessage({ messageId: 'm' }), newMessage({ messageId: 'n' })])
      await store.transaction((tx) =>
        insertMessages(
          tx.workspace('acme'),
          [newMessage({ messageId: 'o' }), newMessage({ messageId: 'o' })],
          start,
        ),
      )
      expect(await campaignSpend(acme(store), ['welcome'], 'decision')).toEqual(new Map([['welcome', 3000]]))
      expect(await recountSpend(acme(store))).toEqual([])
    })
  })

  test('stays what the messages add up to, whatever becomes of them', async () => {
    const message = fc.record({
      campaignId: fc.constantFrom('welcome', 'other', 'third'),
      costMicros: fc.integer({ min: 0, max: 9000 }),
      isExpired: fc.boolean(),
      ends: fc.constantFrom('sent', 'permanent', 'transient', 'unknown'),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 12 }), async (messages) => {
        await withStore(async (store) => {
          const { channel } = scriptedChannel(({ messageId }) => {
            const { ends } = messages[Number(messageId)]!
            if (ends === 'sent') return sent
            if (ends === 'permanent') return { kind: 'permanent', reason: 'x', suppress: false }
            return ends === 'transient'
              ? { kind: 'transient', reason: 'later' }
              : { kind: 'unknown', reason: 'silence' }
          })
          const { sender } = await createBench(store, channel, calmWorld())
          const rows = messages.map(({ campaignId, costMicros, isExpired }, index) =>
            newMessage({
              messageId: String(index),
              campaignId,
              costMicros,
              ...(isExpired ? { expiresAt: start - 1 } : {}),
            }),
          )
          await queue(store, rows)
          expect(await recountSpend(acme(store))).toEqual([])
          await settle(sender)
          expect(await recountSpend(acme(store))).toEqual([])
        })
      }),
      { numRuns: 15 },
    )
  })

  test('a message whose sender vanished keeps what it cost', async () => {
    await withStore(async (store) => {
      await queue(store, [newMessage({ messageId: 'm' })])
      await store.transaction(async (tx) => {
        const db = tx.workspace('acme')
        const row = (await lockMessageRows(db, ['m'])).get('m')!
        await saveMessages(db, [{ ...row, state: 'sending', sending_at: start, attempts: 1 }], start)
      })
      const clock = { now: () => start }
      await markUnknown(store, 'acme', 'all', { clock, wallClock: clock, isOurs: () => false })
      expect(await campaignSpend(acme(store), ['welcome'])).toEqual(new Map([['welcome', 1000]]))
      expect(await recountSpend(acme(store))).toEqual([])
    })
  })

  test('a counter that went astray is named and mended', async () => {
    await withStore(async (store) => {
      await queue(store, [newMessage({ messageId: 'm', costMicros: 4200 })])
      await store.transaction((tx) =>
        tx
          .workspace('acme')
          .updateTable('campaign_spend')
          .set({ spent_micros: 7, queued_micros: 0 })
          .execute()
          .then(() => undefined),
      )
      const difference = {
        campaignId: 'welcome',
        stored: { spentMicros: 7, queuedMicros: 0 },
        recounted: { spentMicros: 0, queuedMicros: 4200 },
      }
      expect(await recountSpend(acme(store))).toEqual([difference])
      expect(await store.transaction((tx) => repairSpend(tx.workspace('acme')))).toEqual([difference])
      expect(await recountSpend(acme(store))).toEqual([])
    })
  })
})
