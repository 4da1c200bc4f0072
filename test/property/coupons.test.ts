import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { SendResult } from '#contracts/message.ts'
import type { Store } from '#platform/store/store.ts'
import { insertCodes, listPools, savePool } from '../../src/action/coupons/coupon-rows.ts'
import { giveBackExpired } from '../../src/action/coupons/settle-codes.ts'
import type { Provider } from '../../src/action/open-channels.ts'
import {
  calmWorld,
  createBench,
  day,
  hour,
  newMessage,
  queue,
  settle,
  withStore,
} from '../unit/action/support.ts'

/**
 * Messages that hold codes, providers that take, refuse, put off and lose them, a pool that runs dry and is filled:
 * against a model that knows only what the provider was handed.
 */
const command = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('queue' as const), hours: fc.constantFrom(1, 30) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('jump' as const), minutes: fc.integer({ min: 1, max: 900 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('fill' as const), codes: fc.integer({ min: 1, max: 2 }) }),
  },
)
const kinds = fc.array(fc.constantFrom('sent', 'permanent', 'transient', 'unknown'), {
  minLength: 3,
  maxLength: 12,
})
const expiresAt = Date.UTC(2040, 0, 1)

test('what anybody may have read is handed out to nobody else, and every code is accounted for', () =>
  withStore(async (store) => {
    let runs = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(command, { minLength: 4, maxLength: 25 }),
        kinds,
        async (commands, answers) => {
          runs += 1
          await play(store, `acme-${runs}`, commands, answers)
        },
      ),
      { seed: 17, numRuns: 8 },
    )
  }))

type Command = typeof command extends fc.Arbitrary<infer C> ? C : never

async function play(store: Store, workspace: string, commands: Command[], answers: string[]): Promise<void> {
  const world = calmWorld()
  world.offer.couponPool = 'spring'
  /** By code, who may have read it; by message, what it was rendered with; both as the provider saw it. */
  const readBy = new Map<string, string>()
  const saidBy = new Map<string, string>()
  const waiting = new Set<string>()
  let answered = 0
  const provider: Provider = {
    id: 'email',
    weight: 1,
    resends: false,
    async send({ messageId, text }): Promise<SendResult> {
      expect(readBy.get(text) ?? messageId).toBe(messageId)
      expect(saidBy.get(messageId) ?? text).toBe(text)
      for (const other of waiting) if (other !== messageId) expect(saidBy.get(other)).not.toBe(text)
      saidBy.set(messageId, text)
      waiting.delete(messageId)
      const kind = answers[answered++ % answers.length]
      if (kind === 'sent' || kind === 'unknown') readBy.set(text, messageId)
      if (kind === 'permanent') return { kind, reason: 'no', suppress: false }
      if (kind === 'sent') return { kind, providerMessageId: 'p' }
      if (kind === 'transient') waiting.add(messageId)
      return { kind: kind as 'transient' | 'unknown', reason: 'later' }
    },
    close: async () => {},
  }
  const bench = await createBench(store, provider, world, { workspaces: { list: async () => [workspace] } })
  const { sender, clock } = bench
  let imported = 0
  let queued = 0
  const fill = (codes: number) =>
    store.transaction(async (tx) => {
      const pool = { poolId: 'spring', name: '', expiresAt, holdMs: hour, redemptionsMax: 0 }
      await savePool(tx.workspace(workspace), pool, clock.now())
      const names = Array.from({ length: codes }, (_, i) => `CODE-${imported + i}`)
      imported += await insertCodes(tx.workspace(workspace), 'spring', names)
    })
  await fill(2)
  for (const one of commands) {
    if (one.kind === 'jump') clock.stepTo(clock.now() + one.minutes * 60_000)
    else if (one.kind === 'fill') await fill(one.codes)
    else {
      queued += 1
      const messageId = `m${queued}`
      const expires = clock.now() + one.hours * hour
      const message = newMessage({ messageId, customerId: messageId, dueAt: clock.now(), expiresAt: expires })
      await queue(store, [message], workspace)
    }
    await settle(sender)
    await store.transaction((tx) => giveBackExpired(tx.workspace(workspace), clock.now() + day, 100))
    const rows = await store.read.workspace(workspace).selectFrom('messages').selectAll('messages').execute()
    for (const row of rows) if (row.state !== 'queued') waiting.delete(row.message_id)
    const codes = (await listPools(store.read.workspace(workspace), clock.now()))[0]?.codes
    const sentOrUnknown = rows.filter(({ state }) => state === 'sent' || state === 'unknown').length
    expect(codes).toEqual({
      available: imported - readBy.size - waiting.size,
      reserved: waiting.size,
      given: readBy.size,
      redeemed: 0,
      expired: 0,
    })
    expect(readBy.size).toBe(sentOrUnknown)
    // Nobody waits for a code that is there: not longer than until the pool is asked again.
    for (const row of rows) {
      if (row.state !== 'queued' || row.reason !== 'no_coupon') continue
      expect(row.due_at).toBeGreaterThan(clock.now())
      expect(row.due_at).toBeLessThanOrEqual(Math.min(clock.now() + 5 * 60_000, row.expires_at))
    }
  }
}
