import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChannelName, FrequencyCap } from '#contracts/campaign.ts'
import type { ContactSlot } from '#contracts/guardrail.ts'
import { guardrail } from '../../../src/guardrails/frequency-cap.ts'
import { type FactsPatch, factsWith, hourMs, now, slotAt } from './facts.ts'

const weekMs = 168 * hourMs
const threeAWeek: FrequencyCap = { sendsMax: 3, window: { hours: 168 } }
const oneADay: FrequencyCap = { sendsMax: 1, window: { localDays: 1 } }

function check(caps: FrequencyCap[], contacts: ContactSlot[], patch: FactsPatch = {}) {
  return guardrail.check(
    factsWith({ ...patch, settings: { frequencyCaps: caps }, customer: { contacts, ...patch.customer } }),
  )
}

describe('what users of other systems suffered', () => {
  test('Mautic 6729, caps ignored by campaigns: a workspace cap counts the sends of every campaign', () => {
    const contacts = ['winter', 'summer', 'autumn'].map((campaignId, i) =>
      slotAt(now - (i + 1) * hourMs, { campaignId }),
    )
    expect(check([threeAWeek], contacts)).toMatchObject({
      kind: 'suppress',
      reason: 'frequency_cap',
      inputs: { cap: 'workspace[0]', used: 3, sendsMax: 3, hours: 168, freeAtMs: now - 3 * hourMs + weekMs },
    })
  })

  test('Mautic 10416, 0 treated as a cap: without a cap there is none, however many the sends', () => {
    const contacts = Array.from({ length: 500 }, (_, i) => slotAt(now - i))
    expect(check([], contacts).kind).toBe('allow')
  })

  test('Mautic 4761, 3 a week rescheduled three weeks out: the fourth waits for the first to leave the week', () => {
    const contacts = [slotAt(now - 6 * 24 * hourMs), slotAt(now - 2 * hourMs), slotAt(now - hourMs)]
    expect(check([threeAWeek], contacts, { stage: 'claim', messageId: 'own' })).toMatchObject({
      kind: 'defer',
      untilMs: now + 24 * hourMs,
    })
  })

  test('Mautic 3560, endless loop: the deferral lies ahead, and at its end the message goes out', () => {
    const contacts = [slotAt(now - 6 * 24 * hourMs), slotAt(now - 2 * hourMs), slotAt(now)]
    for (const cap of [threeAWeek, oneADay, { sendsMax: 2, window: { localDays: 3 } }]) {
      const verdict = check([cap], contacts, { stage: 'claim', messageId: 'own' })
      if (verdict.kind !== 'defer') throw new Error('over the cap')
      expect(verdict.untilMs).toBeGreaterThan(now)
      expect(
        check([cap], contacts, { stage: 'claim', messageId: 'own', now: verdict.untilMs - 1 }).kind,
      ).toBe('defer')
      expect(check([cap], contacts, { stage: 'claim', messageId: 'own', now: verdict.untilMs }).kind).toBe(
        'allow',
      )
    }
  })

  test('Mautic 2530, transactional messages capped: they neither wait nor take a slot', () => {
    const contacts = [slotAt(now - 1), slotAt(now - 2), slotAt(now - 3)]
    expect(check([threeAWeek], contacts, { transactional: true }).kind).toBe('allow')
    const receipts = contacts.map((slot) => ({ ...slot, transactional: true }))
    expect(check([threeAWeek], receipts).kind).toBe('allow')
  })
})

describe('which slots count', () => {
  test('a slot leaves a sliding window exactly when the window has passed', () => {
    const cap: FrequencyCap = { sendsMax: 1, window: { hours: 24 } }
    expect(check([cap], [slotAt(now - 24 * hourMs + 1)]).kind).toBe('suppress')
    expect(check([cap], [slotAt(now - 24 * hourMs)]).kind).toBe('allow')
  })

  test('queued messages count at decision only, and a message never against itself', () => {
    const queued = slotAt(now + hourMs, { state: 'queued' })
    expect(check([oneADay], [queued]).kind).toBe('suppress')
    expect(check([oneADay], [queued], { stage: 'claim', messageId: 'own' }).kind).toBe('allow')
    const own = slotAt(now - hourMs, { messageId: 'own', state: 'sending' })
    expect(check([oneADay], [own], { stage: 'claim', messageId: 'own' }).kind).toBe('allow')
  })

  test.each(['sending', 'sent', 'unknown'] as const)('a slot in state %s counts at both stages', (state) => {
    expect(check([oneADay], [slotAt(now - 1, { state })]).kind).toBe('suppress')
    expect(check([oneADay], [slotAt(now - 1, { state })], { stage: 'claim', messageId: 'own' }).kind).toBe(
      'defer',
    )
  })

  test('a cap of a channel counts that channel and binds it alone', () => {
    const cap: FrequencyCap = { ...oneADay, channel: 'sms' }
    const contacts = [slotAt(now - 1, { channel: 'sms' })]
    expect(check([cap], contacts).kind).toBe('allow')
    expect(check([cap], contacts, { candidate: { channel: 'sms' } })).toMatchObject({
      inputs: { channel: 'sms' },
    })
    expect(check([cap], [slotAt(now - 1)], { candidate: { channel: 'sms' } }).kind).toBe('allow')
  })

  test('a campaign’s own cap counts its own sends alone', () => {
    const spec = { frequencyCaps: [oneADay] }
    expect(check([], [slotAt(now - 1, { campaignId: 'winter' })], { spec }).kind).toBe('allow')
    expect(check([], [slotAt(now - 1)], { spec })).toMatchObject({ inputs: { cap: 'campaign[0]', used: 1 } })
  })

  test('where more was sent than a lowered cap allows, so many slots must leave that one is free', () => {
    const contacts = [slotAt(now - hourMs), slotAt(now - 3 * hourMs), slotAt(now - 2 * hourMs)]
    const cap: FrequencyCap = { sendsMax: 2, window: { hours: 24 } }
    expect(check([cap], contacts)).toMatchObject({ inputs: { used: 3, freeAtMs: now + 22 * hourMs } })
  })

  test('of several caps the one is named that keeps the customer longest', () => {
    const contacts = [slotAt(now - 3), slotAt(now - 2), slotAt(now - 1)]
    expect(check([{ sendsMax: 3, window: { hours: 1 } }, threeAWeek, oneADay], contacts)).toMatchObject({
      inputs: { cap: 'workspace[1]' },
    })
  })
})

describe('priority classes', () => {
  const daily: FrequencyCap = { sendsMax: 2, window: { hours: 24 } }
  const queuedIn = (hours: number, campaignId: string) =>
    slotAt(now + hours * hourMs, { state: 'queued', campaignId })
  const classes = { priorities: { alarm: 'high' as const, news: 'low' as const } }
  const claim: FactsPatch = { stage: 'claim', messageId: 'own', customer: classes }

  test('at decision a higher class may take the slot of a queued lower one, the same class may not', () => {
    const contacts = [slotAt(now - hourMs), queuedIn(1, 'news')]
    expect(check([daily], contacts, { customer: classes }).kind).toBe('allow')
    expect(check([daily], contacts, { customer: classes, spec: { priority: 'low' } }).kind).toBe('suppress')
    const normal = [slotAt(now - hourMs), queuedIn(1, 'spring')]
    expect(check([daily], normal, { customer: classes }).kind).toBe('suppress')
    expect(check([daily], normal, { customer: classes, spec: { priority: 'high' } }).kind).toBe('allow')
  })

  test('no class takes the slot of what is being sent, was sent or may have been', () => {
    for (const state of ['sending', 'sent', 'unknown'] as const) {
      const contacts = [
        slotAt(now - hourMs, { state, campaignId: 'news' }),
        slotAt(now - 2 * hourMs, { state }),
      ]
      expect(check([daily], contacts, { customer: classes, spec: { priority: 'high' } }).kind).toBe(
        'suppress',
      )
    }
  })

  test('at the claim the last slot is left to a queued message of a higher class', () => {
    const last = [slotAt(now - hourMs), queuedIn(3, 'alarm')]
    expect(check([daily], last, claim)).toMatchObject({
      kind: 'defer',
      reason: 'outranked',
      untilMs: now + 3 * hourMs,
    })
    expect(check([daily], [queuedIn(3, 'alarm')], claim).kind).toBe('allow')
    expect(check([daily], last, { ...claim, spec: { priority: 'high' } }).kind).toBe('allow')
    expect(check([daily], [slotAt(now - hourMs), queuedIn(3, 'news')], claim).kind).toBe('allow')
  })

  test('one that is due and does not go is waited for by the minute', () => {
    const contacts = [slotAt(now - hourMs), queuedIn(-30, 'alarm')]
    expect(check([daily], contacts, claim)).toMatchObject({ reason: 'outranked', untilMs: now + 60_000 })
  })

  test('a higher class due after the window keeps nobody waiting', () => {
    expect(check([daily], [slotAt(now - hourMs), queuedIn(24, 'alarm')], claim).kind).toBe('allow')
  })

  test('who lost the slot to a higher class is told so, and when one is free', () => {
    const contacts = [slotAt(now - hourMs), slotAt(now - 2 * hourMs, { campaignId: 'alarm' })]
    expect(check([daily], contacts, claim)).toMatchObject({ reason: 'outranked', untilMs: now + 22 * hourMs })
    expect(check([daily], contacts, { ...claim, spec: { priority: 'high' } })).toMatchObject({
      reason: 'frequency_cap',
    })
  })

  test('what a placement was given holds its slot at the claim too, until it expires', () => {
    const given = slotAt(now - 30 * hourMs, {
      state: 'queued',
      givenUntil: now + hourMs,
      channel: 'in-app',
    })
    const contacts = [slotAt(now - 2 * hourMs), given]
    expect(check([daily], contacts, claim)).toMatchObject({ reason: 'frequency_cap', untilMs: now + hourMs })
    expect(check([daily], contacts, { ...claim, now: now + hourMs }).kind).toBe('allow')
    expect(check([daily], contacts).kind).toBe('suppress')
  })
})

describe('calendar days are the customer’s', () => {
  const freeAt = (zone: string, at: string, sentAt: string, cap = oneADay): string => {
    const verdict = check([cap], [slotAt(Date.parse(sentAt))], {
      stage: 'claim',
      now: Date.parse(at),
      customer: { zone },
    })
    return verdict.kind === 'defer' ? new Date(verdict.untilMs).toISOString().slice(0, 16) : verdict.kind
  }

  test.each([
    [
      'Asia/Kolkata',
      '2026-05-01T18:29:00Z',
      '2026-05-01T02:00:00Z',
      '2026-05-01T18:30',
      'until midnight there',
    ],
    [
      'Asia/Kolkata',
      '2026-05-01T18:30:00Z',
      '2026-05-01T18:29:59Z',
      'allow',
      'a second later is the next day',
    ],
    [
      'Asia/Kathmandu',
      '2026-05-01T18:14:00Z',
      '2026-04-30T18:15:00Z',
      '2026-05-01T18:15',
      'from midnight on',
    ],
    [
      'America/New_York',
      '2026-03-08T06:00:00Z',
      '2026-03-08T05:00:00Z',
      '2026-03-09T04:00',
      'a day of 23 hours',
    ],
    [
      'America/New_York',
      '2026-11-01T06:00:00Z',
      '2026-11-01T04:00:00Z',
      '2026-11-02T05:00',
      'a day of 25 hours',
    ],
    [
      'America/Santiago',
      '2026-09-05T12:00:00Z',
      '2026-09-05T11:00:00Z',
      '2026-09-06T04:00',
      'a day that starts at 1',
    ],
    [
      'America/Santiago',
      '2026-04-05T03:30:00Z',
      '2026-04-04T12:00:00Z',
      '2026-04-05T04:00',
      '23:30 for the second time',
    ],
  ])('%s at %s, sent %s: %s (%s)', (zone, at, sentAt, expected) => {
    expect(freeAt(zone, at, sentAt)).toBe(expected)
  })

  test('three days are today and the two before', () => {
    const cap: FrequencyCap = { sendsMax: 1, window: { localDays: 3 } }
    expect(freeAt('UTC', '2026-05-03T12:00:00Z', '2026-05-01T00:00:00Z', cap)).toBe('2026-05-04T00:00')
    expect(freeAt('UTC', '2026-05-03T12:00:00Z', '2026-04-30T23:59:59Z', cap)).toBe('allow')
  })

  test('a clock that was put back over midnight makes nobody wait in vain', () => {
    // Casey, 5 March 2010: 02:00 was 23:00 of the day before once more. What is sent in the hour before the
    // second midnight counts as the new day's.
    const zone = 'Antarctica/Casey'
    expect(freeAt(zone, '2010-03-04T15:40:00Z', '2010-03-04T15:30:00Z')).toBe('2010-03-05T16:00')
    expect(freeAt(zone, '2010-03-04T20:00:00Z', '2010-03-04T15:30:00Z')).toBe('2010-03-05T16:00')
    expect(freeAt(zone, '2010-03-05T16:00:00Z', '2010-03-04T15:30:00Z')).toBe('allow')
  })
})

/** Counted by hand, without the guardrail's arithmetic. */
function mostInAnyWindow(slots: ContactSlot[], cap: FrequencyCap, zone: string): number {
  const counted = slots.filter((slot) => cap.channel === undefined || slot.channel === cap.channel)
  const { window } = cap
  if ('hours' in window) {
    const lengthMs = window.hours * hourMs
    return Math.max(
      0,
      ...counted.map(({ at }) => counted.filter((s) => s.at >= at && s.at < at + lengthMs).length),
    )
  }
  const dayOf = (at: number): number =>
    Date.parse(new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short' }).format(at)) /
    86_400_000
  const days = counted.map(({ at }) => dayOf(at))
  return Math.max(0, ...days.map((day) => days.filter((d) => d >= day && d < day + window.localDays).length))
}

test('claims in any order of customers’ luck never exceed a cap in any window, and none waits in vain', () => {
  const channel = fc.constantFrom<ChannelName>('email', 'sms')
  const cap: fc.Arbitrary<FrequencyCap> = fc.record(
    {
      sendsMax: fc.integer({ min: 1, max: 3 }),
      window: fc.oneof(
        fc.record({ hours: fc.constantFrom(0.5, 1, 6, 24, 49) }),
        fc.record({ localDays: fc.integer({ min: 1, max: 3 }) }),
      ),
      channel,
    },
    { requiredKeys: ['sendsMax', 'window'] },
  )
  const attempts = fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), channel), {
    minLength: 1,
    maxLength: 60,
  })
  const zone = fc.constantFrom('America/New_York', 'Australia/Lord_Howe', 'America/Santiago')
  const start = fc.constantFrom(
    '2026-03-07T00:00:00Z',
    '2026-04-04T00:00:00Z',
    '2026-09-05T00:00:00Z',
    '2026-10-31T00:00:00Z',
  )
  fc.assert(
    fc.property(
      fc.array(cap, { minLength: 1, maxLength: 3 }),
      attempts,
      zone,
      start,
      (caps, tries, customerZone, from) => {
        const contacts: ContactSlot[] = []
        let at = Date.parse(from)
        for (const [quarters, sendIn] of tries) {
          at += quarters * 900_000
          const patch: FactsPatch = {
            stage: 'claim',
            now: at,
            messageId: 'own',
            customer: { zone: customerZone },
            candidate: { channel: sendIn },
          }
          const verdict = check(caps, contacts, patch)
          if (verdict.kind === 'allow') contacts.push(slotAt(at, { channel: sendIn }))
          else if (verdict.kind === 'defer') {
            expect(verdict.untilMs).toBeGreaterThan(at)
            expect(check(caps, contacts, { ...patch, now: verdict.untilMs }).kind).toBe('allow')
          } else throw new Error('a claim defers')
        }
        for (const each of caps)
          expect(mostInAnyWindow(contacts, each, customerZone)).toBeLessThanOrEqual(each.sendsMax)
      },
    ),
    { seed: 1, numRuns: 300 },
  )
})
