import { describe, expect, test } from 'vitest'
import type { ContactSlot } from '#contracts/guardrail.ts'
import { guardrail } from '../../../src/guardrails/least-gap.ts'
import { type FactsPatch, factsWith, now, slotAt } from './facts.ts'

const minuteMs = 60_000
const gaps = [{ minutes: 60 }]

/** Minutes from now until it may go, 0 now. */
function waits(contacts: ContactSlot[], patch: FactsPatch = {}, leastGaps = gaps): number {
  const facts = factsWith({
    ...patch,
    settings: { leastGaps },
    customer: { contacts, ...patch.customer },
  })
  const verdict = guardrail.check(facts)
  if (verdict.kind === 'suppress') throw new Error('a gap refuses nothing')
  return verdict.kind === 'allow' ? 0 : (verdict.untilMs - facts.now) / minuteMs
}

const claim: FactsPatch = { stage: 'claim', messageId: 'own' }
const ago = (minutes: number, patch: Partial<ContactSlot> = {}) => slotAt(now - minutes * minuteMs, patch)
const queuedIn = (minutes: number, patch: Partial<ContactSlot> = {}) =>
  slotAt(now + minutes * minuteMs, { state: 'queued', ...patch })

describe('a gap between any two sends', () => {
  test('ends exactly when its minutes have passed since the last one', () => {
    expect(waits([ago(20)], claim)).toBe(40)
    expect(waits([ago(60)], claim)).toBe(0)
    expect(waits([slotAt(now - 60 * minuteMs + 1)], claim)).toBe(1 / minuteMs)
  })

  test('counts what is being sent and what may have been, never itself, nothing transactional', () => {
    expect(waits([ago(20, { state: 'sending' })], claim)).toBe(40)
    expect(waits([ago(20, { state: 'unknown' })], claim)).toBe(40)
    expect(waits([ago(20, { messageId: 'own' })], claim)).toBe(0)
    expect(waits([ago(20, { transactional: true })], claim)).toBe(0)
    expect(waits([ago(20)], { ...claim, transactional: true })).toBe(0)
  })

  test('of a channel counts that channel and binds it alone', () => {
    const ofSms = [{ minutes: 60, channel: 'sms' as const }]
    expect(waits([ago(20, { channel: 'sms' })], claim, ofSms)).toBe(0)
    expect(waits([ago(20)], { ...claim, candidate: { channel: 'sms' } }, ofSms)).toBe(0)
    expect(waits([ago(20, { channel: 'sms' })], { ...claim, candidate: { channel: 'sms' } }, ofSms)).toBe(40)
  })

  test('several gaps all hold, also where the end of one comes too near to another send', () => {
    const both = [{ minutes: 30 }, { minutes: 120, channel: 'email' as const }]
    expect(waits([ago(100)], claim, both)).toBe(20)
    const contacts = [ago(100), queuedIn(10, { channel: 'sms' })]
    expect(waits(contacts, {}, both)).toBe(40)
  })

  test('at decision messages line up behind those that are queued, or between them', () => {
    expect(waits([queuedIn(0)])).toBe(60)
    expect(waits([queuedIn(-500)])).toBe(60)
    expect(waits([queuedIn(0), queuedIn(60), queuedIn(130)])).toBe(190)
    expect(waits([queuedIn(0), queuedIn(200)])).toBe(60)
    expect(waits([queuedIn(60)])).toBe(0)
    expect(waits([queuedIn(59)])).toBe(119)
  })

  test('at the claim queued messages of the same class or below do not count', () => {
    expect(waits([queuedIn(0), queuedIn(-5)], claim)).toBe(0)
    const low = { customer: { priorities: { spring: 'low' as const } } }
    expect(waits([queuedIn(0)], { ...claim, ...low })).toBe(0)
  })
})

describe('priority classes', () => {
  const high = (contacts: ContactSlot[]): FactsPatch => ({
    customer: { contacts, priorities: { alarm: 'high' } },
  })
  const alarm = (minutes: number) => queuedIn(minutes, { campaignId: 'alarm' })

  test('a message does not go shortly before one of a higher class is due', () => {
    expect(waits([], { ...claim, ...high([alarm(45)]) })).toBe(45)
    expect(waits([], { ...claim, ...high([alarm(60)]) })).toBe(0)
  })

  test('one that is due already is waited for by the minute: it may be paused', () => {
    expect(waits([], { ...claim, ...high([alarm(-10)]) })).toBe(1)
  })

  test('a higher class does not line up behind queued messages of lower ones', () => {
    expect(waits([queuedIn(0)], { spec: { priority: 'high' } })).toBe(0)
    expect(waits([ago(10)], { spec: { priority: 'high' } })).toBe(50)
  })
})
