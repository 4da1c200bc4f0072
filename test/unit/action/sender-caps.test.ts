import { describe, expect, test } from 'vitest'
import type { SendResult } from '#contracts/message.ts'
import { createInProcessCapCache } from '#platform/cache/in-process-cap-cache.ts'
import {
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

const results: [string, SendResult, number][] = [
  ['sent keeps its slot', sent, 1],
  ['unknown keeps its slot', { kind: 'unknown', reason: 'cut off' }, 1],
  ['failed gives it back', { kind: 'permanent', reason: 'no such box', suppress: false }, 0],
  ['queued again gives it back', { kind: 'transient', reason: 'busy' }, 0],
]

describe('what the cache is told of a message that was', () => {
  test.each(results)('%s', async (_, result, kept) => {
    expect(await keptAfter(result)).toBe(kept)
  })

  test('a transactional message holds none', async () => {
    expect(await keptAfter(sent, { transactional: true })).toBe(0)
  })

  test('a claim that was refused by a guardrail takes none', async () => {
    expect(await keptAfter(sent, { expiresAt: start - 1 })).toBe(0)
  })
})

/** How many sends of the customer are kept when the sender is done. */
async function keptAfter(result: SendResult, message: { transactional?: boolean; expiresAt?: number } = {}) {
  return await withStore(async (store) => {
    const capCache = createInProcessCapCache({ wallClock: { now: () => 0 } })
    await capCache.rebuild('acme', ['ann'], 0, async () => new Map())
    const { channel } = scriptedChannel(() => result)
    const { sender } = await createBench(store, channel, calmWorld(), { capCache })
    await queue(store, [newMessage({ messageId: 'm1', ...message })])
    await settle(sender)
    const [answer] = await capCache.check('acme', [
      { customerId: 'ann', rules: [{ sendsMax: 1, since: start }] },
    ])
    return answer?.kind === 'full' ? answer.sends().length : 0
  })
}
