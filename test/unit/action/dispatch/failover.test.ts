import { describe, expect, test } from 'vitest'
import type { SendResult } from '#contracts/message.ts'
import { providersFor } from '../../../../src/action/channel-for.ts'
import { loadMessage } from '../../../../src/action/message-rows.ts'
import type { Provider } from '../../../../src/action/open-channels.ts'
import {
  acme,
  calmWorld,
  channelSet,
  createBench,
  newMessage,
  queue,
  settle,
  start,
  withStore,
} from '../support.ts'
import { provider } from './support.ts'

const live = { sendMode: 'live' as const, allowlist: [] }

/** Messages m0 … whose first choice is `first`. */
function idsFor(providers: Provider[], first: string, count: number): string[] {
  const ids: string[] = []
  for (let i = 0; ids.length < count; i++) {
    const message = { channel: 'email' as const, address: 'a@b.example', messageId: `m${i}` }
    if (providersFor(channelSet(...providers), live, message)[0]!.id === first) ids.push(`m${i}`)
  }
  return ids
}

async function play(
  providers: Provider[],
  first: string,
  count: number,
  look: (
    bench: Awaited<ReturnType<typeof createBench>>,
    ids: string[],
    states: () => Promise<string[]>,
  ) => Promise<void>,
): Promise<void> {
  await withStore(async (store) => {
    const ids = idsFor(providers, first, count)
    const bench = await createBench(store, providers[0]!, calmWorld(), { channels: channelSet(...providers) })
    await queue(
      store,
      ids.map((messageId) =>
        newMessage({ messageId, customerId: messageId, address: `${messageId}@b.example` }),
      ),
    )
    const states = async () =>
      (await Promise.all(ids.map((id) => loadMessage(acme(store), id)))).map(
        (story) =>
          `${story!.message.state} ${story!.attempts.map((own) => `${own.provider}:${own.result}`).join(' ')}`,
      )
    await look(bench, ids, states)
  })
}

const answering = (id: string, result: SendResult): Provider => provider(id, { send: async () => result })

describe('a message whose provider fails', () => {
  test.each([
    ['transient', { kind: 'transient', reason: 'http_500' }],
    ['account refused', { kind: 'transient', reason: 'http_401', ofProvider: true }],
    ['asked to wait', { kind: 'throttled', retryAfterMs: 60_000 }],
  ] satisfies [string, SendResult][])(
    'goes to the next one at once, through the claim: %s',
    async (_, result) => {
      const providers = [answering('bad', result), provider('good')]
      await play(providers, 'bad', 3, async ({ sender }, __, states) => {
        await settle(sender)
        for (const state of await states())
          expect(state).toMatch(/^sent (bad:(transient|throttled) )?good:sent$/)
        expect((await states())[0]).toMatch(/bad:/)
      })
    },
  )

  test('waits when none is left, and then begins again with who failed least', async () => {
    const providers = [
      answering('a', { kind: 'transient', reason: 'x' }),
      answering('b', { kind: 'transient', reason: 'y' }),
    ]
    await play(providers, 'a', 1, async ({ sender, clock }, _, states) => {
      await settle(sender)
      expect(await states()).toEqual(['queued a:transient b:transient'])
      clock.stepTo(start + 60_000)
      await settle(sender)
      expect(await states()).toEqual(['queued a:transient b:transient a:transient b:transient'])
    })
  })

  test.each([
    ['unknown', { kind: 'unknown', reason: 'timeout' }, 'unknown bad:unknown'],
    ['permanent', { kind: 'permanent', reason: 'no such mailbox', suppress: false }, 'failed bad:permanent'],
  ] satisfies [string, SendResult, string][])('goes nowhere else: %s', async (_, result, expected) => {
    const good = provider('good')
    await play([answering('bad', result), good], 'bad', 2, async ({ sender, clock }, __, states) => {
      await settle(sender)
      clock.stepTo(start + 3_600_000)
      await settle(sender)
      expect(await states()).toEqual([expected, expected])
      expect(good.calls).toEqual([])
    })
  })

  test('does not go to a provider whose breaker is open; with all open it waits and says for whom', async () => {
    const providers = [answering('bad', { kind: 'transient', reason: 'http_401', ofProvider: true })]
    await play(providers, 'bad', 3, async ({ sender, clock, wallClock, parts }, _, states) => {
      await settle(sender)
      expect(await states()).toEqual(['queued bad:transient', 'queued bad:transient', 'queued bad:transient'])
      clock.stepTo(start + 31_000)
      await settle(sender)
      // The wall clock stands: the breaker is still open.
      expect(parts.dispatcher.states(providers)).toMatchObject([
        { id: 'bad', state: 'open', reason: 'http_401' },
      ])
      expect((await states()).every((state) => state === 'queued bad:transient')).toBe(true)
      wallClock.stepTo(wallClock.now() + 10_000)
      clock.stepTo(start + 62_000)
      await sender.step()
      await sender.drain()
      // One is let through, the others wait on.
      expect((await states()).filter((state) => state === 'queued bad:transient bad:transient')).toHaveLength(
        1,
      )
    })
  })
})

test('an unknown result is asked about again, with the same key, only where the provider honours it', async () => {
  let calls = 0
  const honours = provider('honours', {
    resends: true,
    async send(): Promise<SendResult> {
      calls++
      return calls === 1 ? { kind: 'unknown', reason: 'timeout' } : { kind: 'sent', providerMessageId: 'p' }
    },
  })
  await play([honours], 'honours', 1, async ({ sender }, _, states) => {
    await settle(sender)
    expect(await states()).toEqual(['sent honours:sent'])
    expect(calls).toBe(2)
  })
})

test('what the second call is told says nothing of the first: it stays unknown', async () => {
  let calls = 0
  const confused = provider('confused', {
    resends: true,
    async send(): Promise<SendResult> {
      calls++
      return calls === 1
        ? { kind: 'unknown', reason: 'timeout' }
        : { kind: 'permanent', reason: 'x', suppress: false }
    },
  })
  await play([confused], 'confused', 1, async ({ sender }, _, states) => {
    await settle(sender)
    expect(await states()).toEqual(['unknown confused:unknown'])
    expect(calls).toBe(3)
  })
})

test('a provider with a rate: no more are claimed than it takes, the others say when and keep their order', async () => {
  const slow = provider('slow', { callsPerSecondMax: 2 })
  await play([slow], 'slow', 8, async ({ sender, clock, wallClock }, ids, states) => {
    await settle(sender)
    expect(slow.calls).toHaveLength(2)
    expect((await states()).filter((state) => state === 'queued ')).toHaveLength(6)
    for (let second = 0; second < 5; second++) {
      wallClock.stepTo(wallClock.now() + 1010)
      clock.stepTo(clock.now() + 1010)
      await settle(sender)
    }
    expect(slow.calls.map(({ messageId }) => messageId)).toEqual(ids)
    expect(await states()).toEqual(ids.map(() => 'sent slow:sent'))
  })
})

test('what is transactional does not stand in line behind what is not', async () => {
  await withStore(async (store) => {
    const slow = provider('slow', { callsPerSecondMax: 1 })
    const bench = await createBench(store, slow, calmWorld(), { channels: channelSet(slow) })
    const { sender, clock, wallClock } = bench
    const campaign = Array.from({ length: 5 }, (_, i) =>
      newMessage({ messageId: `m${i}`, customerId: `c${i}` }),
    )
    await queue(store, campaign)
    await settle(sender)
    await queue(store, [newMessage({ messageId: 'receipt', customerId: 'bob', transactional: true })])
    await settle(sender)
    for (let second = 0; second < 7; second++) {
      wallClock.stepTo(wallClock.now() + 1010)
      clock.stepTo(clock.now() + 1010)
      await settle(sender)
    }
    const order = slow.calls.map(({ messageId }) => messageId)
    expect(order.indexOf('receipt')).toBeLessThanOrEqual(2)
    expect(order).toHaveLength(6)
  })
})

describe('the choice by weight', () => {
  const providers = [provider('a', { weight: 1 }), provider('b', { weight: 3 }), provider('c', { weight: 0 })]
  const firsts = Array.from({ length: 8000 }, (_, i) => {
    const message = { channel: 'email' as const, address: 'a@b.example', messageId: `m-${i}` }
    return providersFor(channelSet(...providers), live, message).map(({ id }) => id)
  })

  test('gives each its share, and a weight of 0 only what the others leave', () => {
    const share = (id: string) => firsts.filter(([first]) => first === id).length / firsts.length
    // Binomial with 8000 draws: a standard deviation of 0.005.
    expect(share('a')).toBeGreaterThan(0.23)
    expect(share('a')).toBeLessThan(0.27)
    expect(share('c')).toBe(0)
    expect(firsts.every((order) => order[2] === 'c')).toBe(true)
  })

  test('one provider more takes its share from all, and moves nothing between the others', () => {
    const more = [...providers, provider('d', { weight: 4 })]
    firsts.slice(0, 2000).forEach((order, i) => {
      const message = { channel: 'email' as const, address: 'a@b.example', messageId: `m-${i}` }
      const now = providersFor(channelSet(...more), live, message).map(({ id }) => id)
      expect(now.filter((id) => id !== 'd')).toEqual(order)
    })
  })
})
