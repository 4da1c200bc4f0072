import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { ChannelName } from '#contracts/campaign.ts'
import type { CapAnswer, CapCache, CapRule, NewSend } from '#contracts/cap-cache.ts'
import type { ContactSlot } from '#contracts/guardrail.ts'
import { capCampaignKey } from '#platform/cache/cap-entries.ts'
import { stableId } from '#platform/ids/ids.ts'

export interface CapsUnderTest {
  cache: CapCache
  /** Lets so much time pass for what is kept. */
  pass(ms: number): Promise<void>
  close(): Promise<void>
}

/** Lists live so long in the caches under test. */
export const testListMs = 400

const hourMs = 3_600_000
const now = Date.UTC(2026, 5, 15, 12)
const day: CapRule = { sendsMax: 2, since: now - 24 * hourMs + 1 }

/** What every adapter of the `CapCache` port must do. */
export function capsContract(name: string, open: () => Promise<CapsUnderTest>): void {
  describe(name, () => {
    let made: CapsUnderTest
    let cache: CapCache
    let workspace: string
    beforeAll(async () => {
      made = await open()
      cache = made.cache
      // A list is kept in the background: the first time that takes longer, as the script is not known yet.
      fresh()
      await vi.waitUntil(async () => {
        await load('ada', [])
        return (await kindOf('ada', day)) === 'free'
      })
    })
    afterAll(() => made.close())
    /** A workspace of its own for each test: nothing of another test is in it. */
    const fresh = (): void => {
      workspace = `w-${randomUUID()}`
    }
    const load = (customerId: string, slots: ContactSlot[]) =>
      cache.rebuild(workspace, [customerId], 0, async () => new Map([[customerId, slots]]))
    const check = async (customerId: string, ...rules: CapRule[]): Promise<CapAnswer> =>
      (await cache.check(workspace, [{ customerId, rules }]))[0] as CapAnswer
    const kindOf = async (customerId: string, ...rules: CapRule[]) => (await check(customerId, ...rules)).kind

    test('a customer nobody knows of is unknown, never one without sends', async () => {
      fresh()
      expect(await kindOf('ada', day)).toBe('unknown')
      await load('ada', [])
      expect(await kindOf('ada', day)).toBe('free')
      expect(await cache.check(workspace, [])).toEqual([])
    })

    test('a loaded list refuses when a cap is full, and gives its sends newest first', async () => {
      fresh()
      const earlier = slot({ at: now - 5 * hourMs })
      const later = slot({ at: now - hourMs, channel: 'sms', campaignId: 'spring' })
      await load('ada', [earlier, later])
      const answer = await check('ada', day, { ...day, sendsMax: 3 })
      if (answer.kind !== 'full') throw new Error(`full, not ${answer.kind}`)
      expect(answer.rules).toEqual([0])
      expect(answer.sends()).toMatchObject([
        { at: later.at, channel: 'sms', campaignKey: capCampaignKey('spring') },
        { at: earlier.at, channel: 'email', campaignKey: capCampaignKey('welcome') },
      ])
    })

    test('the window begins at `since`, that instant included', async () => {
      fresh()
      await load('ada', [slot({ at: now - 100 })])
      expect(await kindOf('ada', { sendsMax: 1, since: now - 100 })).toBe('full')
      expect(await kindOf('ada', { sendsMax: 1, since: now - 99 })).toBe('free')
    })

    test('a cap of a channel, of a campaign and of both counts only theirs', async () => {
      fresh()
      const spring = { campaignId: 'spring' }
      const sends = [slot({ channel: 'sms' }), slot(spring), slot({ ...spring, channel: 'sms' })]
      await load('ada', sends)
      const since = day.since
      const rules: [CapRule, number][] = [
        [{ sendsMax: 0, since }, 3],
        [{ sendsMax: 0, since, channel: 'sms' }, 2],
        [{ sendsMax: 0, since, channel: 'email' }, 1],
        [{ sendsMax: 0, since, campaignId: 'spring' }, 2],
        [{ sendsMax: 0, since, channel: 'sms', campaignId: 'spring' }, 1],
        [{ sendsMax: 0, since, channel: 'push' }, 0],
      ]
      for (const [rule, used] of rules) {
        if (used > 0) expect(await kindOf('ada', { ...rule, sendsMax: used })).toBe('full')
        expect(await kindOf('ada', { ...rule, sendsMax: used + 1 })).toBe('free')
      }
    })

    test('queued and transactional slots are no sends', async () => {
      fresh()
      await load('ada', [slot({ state: 'queued' }), slot({ transactional: true }), slot({})])
      expect(await kindOf('ada', day)).toBe('free')
      expect(await kindOf('ada', { ...day, sendsMax: 1 })).toBe('full')
    })

    test('what is noted counts at once, in its place, and once', async () => {
      fresh()
      await load('ada', [slot({ at: now - 3000 })])
      const first = send('ada', { at: now - 2000 })
      await cache.note(workspace, [send('ada', { at: now - 1000 }), first])
      await cache.note(workspace, [first])
      const answer = await check('ada', day, { ...day, sendsMax: 4 })
      if (answer.kind !== 'full') throw new Error(`full, not ${answer.kind}`)
      expect(answer.rules).toEqual([0])
      expect(answer.sends().map(({ at }) => now - at)).toEqual([1000, 2000, 3000])
    })

    test('a slot that was given back is free again, and its message may take another', async () => {
      fresh()
      await load('ada', [slot({})])
      const sent = send('ada', { at: now - 2000 })
      await cache.note(workspace, [sent])
      expect(await kindOf('ada', day)).toBe('full')
      await cache.takeBack(workspace, [sent])
      expect(await kindOf('ada', day)).toBe('free')
      await cache.note(workspace, [{ ...sent, at: now - 500 }])
      expect(await kindOf('ada', { sendsMax: 1, since: now - 500 })).toBe('full')
    })

    test('a send that is noted while nothing is kept does not make a list, nor may one read before be kept', async () => {
      fresh()
      await cache.note(workspace, [send('ada')])
      expect(await kindOf('ada', { ...day, sendsMax: 1 })).toBe('unknown')
      await cache.rebuild(workspace, ['eve'], 0, async () => {
        await cache.takeBack(workspace, [send('eve')])
        return new Map([['eve', [slot({}), slot({})]]])
      })
      expect(await kindOf('eve', day)).toBe('unknown')
    })

    test('a list that is kept is not replaced by one that was read meanwhile', async () => {
      fresh()
      await load('ada', [slot({})])
      await cache.note(workspace, [send('ada')])
      await load('ada', [])
      expect(await kindOf('ada', day)).toBe('full')
    })

    test('a list ends, however often it is changed: what was never taken back refuses no longer', async () => {
      fresh()
      await load('ada', [])
      await cache.note(workspace, [send('ada')])
      await made.pass(testListMs / 2)
      await cache.note(workspace, [send('ada')])
      await made.pass(testListMs / 2 + 50)
      expect(await kindOf('ada', day)).toBe('unknown')
    })

    test('a rebuild gives what was loaded, also of customers it does not keep', async () => {
      fresh()
      const slots = new Map([['eve', [slot({})]]])
      const loaded = await cache.rebuild(workspace, ['ada'], 0, async () => slots)
      expect(loaded).toBe(slots)
      expect([await kindOf('ada', day), await kindOf('eve', day)]).toEqual(['free', 'unknown'])
    })

    test('workspaces know nothing of each other', async () => {
      fresh()
      await load('ada', [slot({}), slot({})])
      expect(await kindOf('ada', day)).toBe('full')
      fresh()
      expect(await kindOf('ada', day)).toBe('unknown')
    })

    test('a thousand customers with rules of three kinds are answered each in its place', async () => {
      fresh()
      const ids = Array.from({ length: 1000 }, (_, i) => stableId('customer', String(i)))
      const slots = new Map(ids.map((id, i) => [id, Array.from({ length: i % 4 }, () => slot({}))]))
      await cache.rebuild(workspace, ids.slice(0, 900), 0, async () => slots)
      const kinds = [1, 2, 3].map((sendsMax): CapRule[] => [{ ...day, sendsMax }])
      const questions = ids.map((customerId, i) => ({ customerId, rules: kinds[i % 3] as CapRule[] }))
      const answers = await cache.check(workspace, questions)
      const expected = ids.map((_, i) => (i >= 900 ? 'unknown' : i % 4 >= (i % 3) + 1 ? 'full' : 'free'))
      expect(answers.map(({ kind }) => kind)).toEqual(expected)
    })

    test('agrees with counting by hand, whatever is kept and asked', async () => {
      const channel = fc.constantFrom<ChannelName[]>('email', 'sms')
      const campaignId = fc.constantFrom('spring', 'welcome')
      const at = fc.integer({ min: now - 50, max: now })
      const slots = fc.array(fc.record({ at, channel, campaignId }), { maxLength: 12 })
      const rule = fc.record(
        { sendsMax: fc.integer({ min: 1, max: 6 }), since: at, channel, campaignId },
        { requiredKeys: ['sendsMax', 'since'] },
      )
      const rules = fc.array(rule, { minLength: 1, maxLength: 5 })
      await fc.assert(
        fc.asyncProperty(slots, slots, rules, async (loaded, noted, asked) => {
          fresh()
          await load(
            'ada',
            loaded.map((one) => slot(one)),
          )
          await cache.note(
            workspace,
            noted.map((one) => send('ada', one)),
          )
          const all = [...loaded, ...noted]
          const full = (asked as CapRule[]).flatMap((one, index) => {
            const counted = all.filter(
              (own) =>
                own.at >= one.since &&
                (one.channel ?? own.channel) === own.channel &&
                (one.campaignId ?? own.campaignId) === own.campaignId,
            )
            return counted.length >= one.sendsMax ? [index] : []
          })
          const answer = await check('ada', ...(asked as CapRule[]))
          expect(answer.kind === 'full' ? answer.rules : []).toEqual(full)
        }),
        { numRuns: 60 },
      )
    })
  })
}

let made = 0

function slot(of: Partial<ContactSlot>): ContactSlot {
  made += 1
  const messageId = stableId('message', String(made))
  const base = { channel: 'email', campaignId: 'welcome', state: 'sent', transactional: false } as const
  return { messageId, at: now - hourMs, ...base, ...of }
}

function send(customerId: string, of: Partial<NewSend> = {}): NewSend {
  const { messageId, channel, campaignId, at } = slot({})
  return { customerId, messageId, channel, campaignId, at, ...of }
}
