import { describe, expect, test } from 'vitest'
import type { SendResult } from '#contracts/message.ts'
import type { Store } from '#platform/store/store.ts'
import { countMessages, loadMessage } from '../../../src/action/message-rows.ts'
import { crashReason } from '../../../src/action/recover.ts'
import { writeResults } from '../../../src/action/write-results.ts'
import {
  acme,
  calmWorld,
  createBench,
  factsPort,
  newMessage,
  queue,
  scriptedChannel,
  sent,
  settle,
  start,
  withStore,
} from './support.ts'

describe('results', () => {
  test('sent: recorded with transitions, attempt and provider id, and told to learning', async () => {
    await withStore(async (store) => {
      const { calls, channel } = scriptedChannel(() => sent)
      const { sender, recorded } = await createBench(store, channel, calmWorld())
      await queue(store, [newMessage({ messageId: 'm1' })])
      await settle(sender)
      const story = await loadMessage(acme(store), 'm1')
      expect(story!.message).toMatchObject({ state: 'sent', reason: '', sending_at: start, lease_owner: '' })
      expect(story!.transitions.map((step) => [step.sequence, step.state])).toEqual([
        [1, 'queued'],
        [2, 'sending'],
        [3, 'sent'],
      ])
      expect(story!.attempts).toMatchObject([
        { attempt: 1, result: 'sent', provider_message_id: 'p-1', ended_at: start },
      ])
      expect(recorded).toEqual(['m1'])
      expect(calls[0]).toMatchObject({
        idempotencyKey: 'm1',
        from: 'Acme <hello@acme.example>',
        subject: 'for m1',
      })
      expect(calls[0]!.html).toMatch(
        /^<a href="https:\/\/s.example\/c\/[\w.-]+">x<\/a><a href="https:\/\/s.example\/u\/[\w.-]+">no<\/a><img src="https:\/\/s.example\/o\/[\w.-]+" width="1" height="1" alt="">$/,
      )
      expect(calls[0]!.headers).toEqual({
        'Message-ID': '<m1@acme.example>',
        'List-Unsubscribe': expect.stringMatching(/^<https:\/\/s.example\/u\/[\w.-]+>$/),
        'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
      })
    })
  })

  test('permanent: failed; a bad address is suppressed in the same transaction', async () => {
    await withStore(async (store) => {
      const { channel } = scriptedChannel((message) => ({
        kind: 'permanent',
        reason: 'smtp_550',
        suppress: message.messageId === 'm1',
      }))
      const { sender, recorded } = await createBench(store, channel, calmWorld())
      await queue(store, [
        newMessage({ messageId: 'm1' }),
        newMessage({ messageId: 'm2', customerId: 'bob', address: 'bob@example.com' }),
      ])
      await settle(sender)
      expect((await loadMessage(acme(store), 'm1'))!.message).toMatchObject({
        state: 'failed',
        reason: 'smtp_550',
      })
      expect((await loadMessage(acme(store), 'm2'))!.message.state).toBe('failed')
      const suppressed = await acme(store).selectFrom('suppressions').select('suppressions.address').execute()
      expect(suppressed).toEqual([{ address: 'ann@example.com' }])
      expect(recorded).toEqual([])
    })
  })

  test('transient: queued again with the slot given back, then sent', async () => {
    await withStore(async (store) => {
      const { calls, channel } = scriptedChannel((_, call) =>
        call === 1 ? { kind: 'transient', reason: 'smtp_451' } : sent,
      )
      const { sender, clock } = await createBench(store, channel, calmWorld())
      await queue(store, [newMessage({ messageId: 'm1' })])
      await settle(sender)
      const waiting = (await loadMessage(acme(store), 'm1'))!.message
      expect(waiting).toMatchObject({
        state: 'queued',
        reason: 'transient: smtp_451',
        sending_at: null,
        lease_until: 0,
      })
      expect(waiting.due_at).toBeGreaterThan(start)
      expect(waiting.due_at).toBeLessThanOrEqual(start + 30_000)
      clock.stepTo(waiting.due_at)
      await settle(sender)
      expect(calls).toHaveLength(2)
      const story = await loadMessage(acme(store), 'm1')
      expect(story!.message).toMatchObject({ state: 'sent', attempts: 2 })
      expect(story!.attempts.map((attempt) => attempt.result)).toEqual(['transient', 'sent'])
    })
  })

  test('eight transient results fail the message; being throttled in between does not count', async () => {
    await withStore(async (store) => {
      const { calls, channel } = scriptedChannel((_, call) =>
        call % 2 === 0 ? { kind: 'throttled', retryAfterMs: 5000 } : { kind: 'transient', reason: 'busy' },
      )
      const { sender, clock, wallClock } = await createBench(store, channel, calmWorld())
      await queue(store, [newMessage({ messageId: 'm1', expiresAt: start + 1e10 })])
      for (let i = 0; i < 40; i++) {
        await settle(sender)
        const { message } = (await loadMessage(acme(store), 'm1'))!
        if (message.state !== 'queued') break
        if (message.reason === 'throttled') expect(message.due_at).toBe(clock.now() + 5000)
        wallClock.stepTo(wallClock.now() + message.due_at - clock.now())
        clock.stepTo(message.due_at)
      }
      expect(calls).toHaveLength(15)
      expect((await loadMessage(acme(store), 'm1'))!.message).toMatchObject({
        state: 'failed',
        reason: 'retries_exhausted: busy',
      })
    })
  })

  test('unknown: stays, keeps its slot, is never tried again', async () => {
    await withStore(async (store) => {
      const { calls, channel } = scriptedChannel(() => ({ kind: 'unknown', reason: 'lost' }))
      const { sender, clock } = await createBench(store, channel, calmWorld())
      await queue(store, [newMessage({ messageId: 'm1' })])
      await settle(sender)
      clock.stepTo(start + 1e10)
      await settle(sender)
      expect(calls).toHaveLength(1)
      expect((await loadMessage(acme(store), 'm1'))!.message).toMatchObject({
        state: 'unknown',
        reason: 'lost',
        sending_at: start,
      })
    })
  })

  test('a channel that throws gives an unknown result', async () => {
    await withStore(async (store) => {
      const { channel } = scriptedChannel(() => {
        throw new Error('bug')
      })
      const { sender, errors } = await createBench(store, channel, calmWorld())
      await queue(store, [newMessage({ messageId: 'm1' })])
      await settle(sender)
      expect((await loadMessage(acme(store), 'm1'))!.message.state).toBe('unknown')
      expect(errors).toEqual(['a provider threw'])
    })
  })

  test('a missing variable at render stops the message before the provider', async () => {
    await withStore(async (store) => {
      const { calls, channel } = scriptedChannel(() => sent)
      const fault = {
        code: 'missing_variable',
        detail: 'no value and no default: customer.firstName',
        variables: [],
      } as const
      const { sender } = await createBench(store, channel, calmWorld(), {
        render: {
          about: () => ({ from: null, utm: {} }),
          render: () => ({ kind: 'fault', fault: { ...fault, variables: [] } }),
        },
      })
      await queue(store, [newMessage({ messageId: 'm1' })])
      await settle(sender)
      expect(calls).toEqual([])
      expect((await loadMessage(acme(store), 'm1'))!.message).toMatchObject({
        state: 'failed',
        reason: 'missing_variable: no value and no default: customer.firstName',
      })
    })
  })
})

describe('in flight', () => {
  test('never more than the limit, and all are sent once', async () => {
    await withStore(async (store) => {
      let current = 0
      let most = 0
      const { calls, channel } = scriptedChannel(async () => {
        current++
        most = Math.max(most, current)
        await new Promise((resolve) => setImmediate(resolve))
        current--
        return sent
      })
      const { sender } = await createBench(store, channel, calmWorld(), { inFlightMax: 8 })
      await queue(
        store,
        Array.from({ length: 100 }, (_, i) => newMessage({ messageId: `m${i}`, customerId: `c${i}` })),
      )
      await settle(sender)
      expect(most).toBeLessThanOrEqual(8)
      expect(most).toBeGreaterThan(1)
      expect(new Set(calls.map((message) => message.messageId)).size).toBe(100)
      expect(calls).toHaveLength(100)
    })
  })

  test('results go along with the next claim: on one file a disk flush for both', async () => {
    await withStore(async (store) => {
      let transactions = 0
      const counting: Store = {
        ...store,
        transaction(work) {
          transactions++
          return store.transaction(work)
        },
      }
      const { channel } = scriptedChannel(() => sent)
      const { sender } = await createBench(counting, channel, calmWorld())
      await queue(
        store,
        Array.from({ length: 96 }, (_, i) => newMessage({ messageId: `m${i}`, customerId: `c${i}` })),
      )
      while ((await sender.step()) > 0);
      await sender.drain()
      expect(await countMessages(acme(store))).toEqual({ sent: 96 })
      // Three claims, two of them with results, and the results of the last one.
      if (store.dialect === 'sqlite') expect(transactions).toBe(4)
    })
  })

  test('a claim that fails does not keep the results from being written', async () => {
    await withStore(async (store) => {
      const { channel, calls } = scriptedChannel(() => sent)
      const world = calmWorld()
      const facts = factsPort(world)
      let loads = 0
      const { sender } = await createBench(store, channel, world, {
        inFlightMax: 2,
        facts: {
          load(...asked) {
            loads++
            if (loads === 2) throw new Error('no facts now')
            return facts.load(...asked)
          },
        },
      })
      await queue(
        store,
        ['a', 'b', 'c'].map((id) => newMessage({ messageId: id, customerId: id })),
      )
      expect(await sender.step()).toBe(2)
      await expect(sender.step()).rejects.toThrow('no facts now')
      await sender.drain()
      expect(await countMessages(acme(store))).toEqual({ sent: 2, queued: 1 })
      await settle(sender)
      expect(await countMessages(acme(store))).toEqual({ sent: 3 })
      expect(calls).toHaveLength(3)
    })
  })

  test('a slow call holds up only its own slot', async () => {
    await withStore(async (store) => {
      let release = (): void => {}
      const { channel } = scriptedChannel((message) =>
        message.messageId === 'slow'
          ? new Promise<SendResult>((resolve) => {
              release = () => resolve(sent)
            })
          : sent,
      )
      const { sender } = await createBench(store, channel, calmWorld(), { inFlightMax: 2 })
      await queue(store, [
        newMessage({ messageId: 'slow', dueAt: start - 1 }),
        ...['a', 'b', 'c'].map((id) => newMessage({ messageId: id, customerId: id })),
      ])
      while ((await sender.step()) > 0);
      await expect.poll(() => countMessages(acme(store))).toEqual({ sent: 3, sending: 1 })
      release()
      await sender.drain()
      expect(await countMessages(acme(store))).toEqual({ sent: 4 })
    })
  })

  test('a limit above 32 is refused', async () => {
    await withStore(async (store) => {
      const { channel } = scriptedChannel(() => sent)
      await expect(createBench(store, channel, calmWorld(), { inFlightMax: 33 })).rejects.toThrow('1 to 32')
    })
  })
})

describe('after a crash', () => {
  test('what was sending becomes unknown, keeps its slot and is not sent again', async () => {
    await withStore(async (store) => {
      let release = (_: SendResult): void => {}
      const first = scriptedChannel(
        () =>
          new Promise<SendResult>((resolve) => {
            release = resolve
          }),
      )
      const dying = await createBench(store, first.channel, calmWorld())
      await queue(store, [newMessage({ messageId: 'm1' })])
      expect(await dying.sender.step()).toBe(1)

      const second = scriptedChannel(() => sent)
      const next = await createBench(store, second.channel, calmWorld(), { owner: 'sender-2' })
      expect(await next.sender.recover('expired')).toBe(0)
      expect(await next.sender.recover('all')).toBe(1)
      await settle(next.sender)
      expect(second.calls).toEqual([])
      const story = await loadMessage(acme(store), 'm1')
      expect(story!.message).toMatchObject({ state: 'unknown', reason: crashReason, sending_at: start })
      expect(story!.attempts).toMatchObject([{ result: 'unknown', reason: crashReason }])

      // The first was only slow: its answer resolves the message.
      release(sent)
      await dying.sender.drain()
      expect((await loadMessage(acme(store), 'm1'))!.message.state).toBe('sent')
    })
  })

  test('the result of an attempt that is not the last changes nothing', async () => {
    await withStore(async (store) => {
      const { channel } = scriptedChannel(() => ({ kind: 'transient', reason: 'busy' }))
      const { sender, clock, parts } = await createBench(store, channel, calmWorld())
      await queue(store, [newMessage({ messageId: 'm1' })])
      await settle(sender)
      const first = (await loadMessage(acme(store), 'm1'))!.message
      const waiting = new Promise<SendResult>(() => {})
      const slow = await createBench(store, scriptedChannel(() => waiting).channel, calmWorld(), { clock })
      clock.stepTo(first.due_at)
      await slow.sender.step()
      await store.transaction((tx) =>
        writeResults(tx, [{ message: first, provider: 'scripted', result: sent }], parts),
      )
      expect((await loadMessage(acme(store), 'm1'))!.message).toMatchObject({ state: 'sending', attempts: 2 })
    })
  })

  test('a late transient answer to an unknown message fails it and does not queue it again', async () => {
    await withStore(async (store) => {
      let release = (_: SendResult): void => {}
      const { channel } = scriptedChannel(
        () =>
          new Promise<SendResult>((resolve) => {
            release = resolve
          }),
      )
      const bench = await createBench(store, channel, calmWorld())
      await queue(store, [newMessage({ messageId: 'm1' })])
      await bench.sender.step()
      const other = await createBench(store, channel, calmWorld(), { owner: 'sender-2' })
      other.wallClock.stepTo(bench.wallClock.now() + 120_000)
      expect(await other.sender.recover('expired')).toBe(1)
      release({ kind: 'transient', reason: 'busy' })
      await bench.sender.drain()
      expect((await loadMessage(acme(store), 'm1'))!.message.state).toBe('failed')
    })
  })
})
