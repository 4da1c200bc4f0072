import { expect, test } from 'vitest'
import { guardrailSettingsSchema } from '#contracts/campaign.ts'
import { loadMessage } from '../../../src/action/message-rows.ts'
import {
  acme,
  calmWorld,
  createBench,
  day,
  hour,
  newMessage,
  queue,
  scriptedChannel,
  sent,
  settle,
  start,
  type World,
  withStore,
} from './support.ts'

/** What users of other systems suffered with caps, here from the queued message to the provider's call. */
const week = 7 * day
const threeAWeek: World['settings']['frequencyCaps'] = [{ sendsMax: 3, window: { hours: 168 } }]

async function withBench(
  settings: Partial<World['settings']>,
  work: (
    bench: Awaited<ReturnType<typeof createBench>> & {
      sentIds(): string[]
      put(...messages: Parameters<typeof newMessage>[0][]): Promise<void>
      stateOf(messageId: string): Promise<{ state: string; reason: string; due_at: number; history: number }>
    },
  ) => Promise<void>,
): Promise<void> {
  await withStore(async (store) => {
    const world = calmWorld()
    world.settings = { ...world.settings, ...settings }
    const { calls, channel } = scriptedChannel(() => sent)
    const bench = await createBench(store, channel, world)
    await work({
      ...bench,
      sentIds: () => calls.map(({ messageId }) => messageId),
      put: (...messages) =>
        queue(
          store,
          messages.map((message) => newMessage({ expiresAt: start + 4 * week, ...message })),
          'acme',
          bench.clock.now(),
        ),
      async stateOf(messageId) {
        const { message, transitions } = (await loadMessage(acme(store), messageId)) ?? {}
        if (message === undefined) throw new Error(`no ${messageId}`)
        const { state, reason, due_at } = message
        return { state, reason, due_at, history: transitions?.length ?? 0 }
      },
    })
  })
}

test('Mautic 6729, caps ignored by campaigns: messages of four campaigns share the workspace’s three a week', async () => {
  await withBench({ frequencyCaps: threeAWeek }, async ({ put, sender, sentIds }) => {
    const campaigns = ['a', 'b', 'c', 'd']
    await put(...campaigns.map((id, i) => ({ messageId: id, campaignId: id, dueAt: start - 10 + i })))
    await settle(sender)
    expect(sentIds()).toEqual(['a', 'b', 'c'])
  })
})

test('Mautic 10416, 0 treated as a cap: 0 cannot be said, and without a cap everything goes', async () => {
  const zero = guardrailSettingsSchema.safeParse({ frequencyCaps: [{ sendsMax: 0, window: { hours: 24 } }] })
  expect(zero.error?.issues[0]?.message).toContain('pause the campaign instead')
  await withBench({ frequencyCaps: [] }, async ({ put, sender, sentIds }) => {
    await put(...Array.from({ length: 40 }, (_, i) => ({ messageId: `m${i}` })))
    await settle(sender)
    expect(sentIds()).toHaveLength(40)
  })
})

test('Mautic 4761, 3 a week rescheduled three weeks out: each goes when one of the week before has left it', async () => {
  await withBench({ frequencyCaps: threeAWeek }, async ({ put, sender, sentIds, clock, stateOf }) => {
    for (const i of [0, 1, 2]) {
      await put({ messageId: `m${i}`, dueAt: clock.now() })
      await settle(sender)
      clock.stepTo(clock.now() + day)
    }
    await put({ messageId: 'fourth', dueAt: clock.now() })
    clock.stepTo(clock.now() + 1)
    await put({ messageId: 'fifth', dueAt: clock.now() })
    clock.stepTo(clock.now() + hour)
    await settle(sender)
    expect(await stateOf('fourth')).toMatchObject({ state: 'queued', due_at: start + week })
    clock.stepTo(start + week)
    await settle(sender)
    expect(sentIds()).toEqual(['m0', 'm1', 'm2', 'fourth'])
    expect(await stateOf('fifth')).toMatchObject({ state: 'queued', due_at: start + week + day })
  })
})

test('Mautic 3560, endless loop: what is over the cap is looked at once, and not again before its time', async () => {
  await withBench({ frequencyCaps: [{ sendsMax: 1, window: { localDays: 1 } }] }, async (bench) => {
    const { put, sender, stateOf, clock, sentIds } = bench
    await put({ messageId: 'm1' }, { messageId: 'm2', dueAt: start + 1 })
    clock.stepTo(start + 1)
    await settle(sender)
    expect(await stateOf('m2')).toMatchObject({ state: 'queued', history: 2 })
    for (let minutes = 1; minutes <= 11 * 60; minutes += 60) {
      clock.stepTo(start + minutes * 60_000)
      expect(await sender.step()).toBe(0)
    }
    clock.stepTo(start + 12 * hour)
    await settle(sender)
    expect(sentIds()).toEqual(['m1', 'm2'])
    expect(await stateOf('m2')).toMatchObject({ state: 'sent', history: 4 })
  })
})

test('Mautic 2530, transactional messages capped: they go, and take no slot from the others', async () => {
  await withBench(
    { frequencyCaps: [{ sendsMax: 1, window: { hours: 24 } }] },
    async ({ put, sender, sentIds }) => {
      await put(
        ...[1, 2, 3].map((i) => ({ messageId: `receipt${i}`, transactional: true, dueAt: start - 10 + i })),
        { messageId: 'news', dueAt: start - 1 },
        { messageId: 'receipt4', transactional: true },
      )
      await settle(sender)
      expect(sentIds().sort()).toEqual(['news', 'receipt1', 'receipt2', 'receipt3', 'receipt4'])
    },
  )
})
