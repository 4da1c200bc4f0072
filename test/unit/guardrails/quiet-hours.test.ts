import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { GuardrailFacts } from '#contracts/guardrail.ts'
import { guardrail } from '../../../src/guardrails/quiet-hours.ts'
import { factsWith } from './facts.ts'

const night = { from: '21:00', until: '08:00' }

function untilOf(zone: string, at: string, quietHours = night, ownQuietHours?: typeof night): string {
  const facts = factsWith({
    now: Date.parse(at),
    customer: { zone },
    settings: { quietHours },
    ...(ownQuietHours === undefined ? {} : { spec: { quietHours: ownQuietHours } }),
  })
  return shown(facts)
}

function shown(facts: GuardrailFacts): string {
  const verdict = guardrail.check(facts)
  if (verdict.kind === 'defer') return new Date(verdict.untilMs).toISOString().slice(0, 16)
  return verdict.kind
}

describe('quiet hours end by the customer’s clock', () => {
  test.each([
    ['Asia/Kolkata', '2026-05-01T15:29:59Z', 'allow', '20:59:59'],
    ['Asia/Kolkata', '2026-05-01T15:30:00Z', '2026-05-02T02:30', '21:00, until 08:00 the next day'],
    ['Asia/Kolkata', '2026-05-02T02:29:59Z', '2026-05-02T02:30', '07:59:59'],
    ['Asia/Kolkata', '2026-05-02T02:30:00Z', 'allow', '08:00'],
    ['Asia/Kathmandu', '2026-05-01T18:00:00Z', '2026-05-02T02:15', '23:45'],
    ['America/New_York', '2026-03-08T03:00:00Z', '2026-03-08T12:00', 'the night that is an hour shorter'],
    ['America/New_York', '2026-11-01T02:00:00Z', '2026-11-01T13:00', 'the night that is an hour longer'],
    ['Australia/Lord_Howe', '2026-10-03T12:00:00Z', '2026-10-03T21:00', 'half an hour shorter'],
    ['Australia/Lord_Howe', '2026-04-04T12:00:00Z', '2026-04-04T21:30', 'half an hour longer'],
    ['America/Santiago', '2026-09-06T02:00:00Z', '2026-09-06T11:00', 'midnight is skipped'],
  ])('%s at %s: %s (%s)', (zone, at, expected) => {
    expect(untilOf(zone, at)).toBe(expected)
  })

  test('`until` in the skipped hour: the instant of the change', () => {
    expect(untilOf('America/New_York', '2026-03-08T05:00:00Z', { from: '22:00', until: '02:30' })).toBe(
      '2026-03-08T07:00',
    )
  })

  test('`until` in the repeated hour: the first time ends it, the second round is quiet again', () => {
    const quiet = { from: '22:00', until: '01:30' }
    expect(untilOf('America/New_York', '2026-11-01T04:00:00Z', quiet)).toBe('2026-11-01T05:30')
    expect(untilOf('America/New_York', '2026-11-01T05:45:00Z', quiet)).toBe('allow')
    expect(untilOf('America/New_York', '2026-11-01T06:10:00Z', quiet)).toBe('2026-11-01T06:30')
  })

  test('hours within one day', () => {
    const siesta = { from: '13:00', until: '15:00' }
    expect(untilOf('Europe/Madrid', '2026-06-01T10:59:00Z', siesta)).toBe('allow')
    expect(untilOf('Europe/Madrid', '2026-06-01T11:00:00Z', siesta)).toBe('2026-06-01T13:00')
    expect(untilOf('Europe/Madrid', '2026-06-01T13:00:00Z', siesta)).toBe('allow')
  })

  test('of workspace and campaign the later end holds, also when one begins in the other', () => {
    expect(untilOf('UTC', '2026-06-01T22:00:00Z', night, { from: '20:00', until: '10:00' })).toBe(
      '2026-06-02T10:00',
    )
    expect(untilOf('UTC', '2026-06-01T22:00:00Z', night, { from: '05:00', until: '09:30' })).toBe(
      '2026-06-02T09:30',
    )
    expect(untilOf('UTC', '2026-06-01T22:00:00Z', night, { from: '20:00', until: '07:00' })).toBe(
      '2026-06-02T08:00',
    )
  })

  test('rules of other channels and transactional messages are not quiet', () => {
    const quietHours = { ...night, channels: ['sms' as const] }
    const at = Date.parse('2026-06-01T22:00:00Z')
    expect(shown(factsWith({ now: at, settings: { quietHours } }))).toBe('allow')
    expect(shown(factsWith({ now: at, settings: { quietHours }, candidate: { channel: 'sms' } }))).toBe(
      '2026-06-02T08:00',
    )
    expect(shown(factsWith({ now: at, settings: { quietHours: night }, transactional: true }))).toBe('allow')
  })
})

test('a deferral always ends later, and then it is allowed', () => {
  const zone = fc.constantFrom(
    'America/New_York',
    'Australia/Lord_Howe',
    'America/Santiago',
    'Asia/Kathmandu',
    'America/St_Johns',
  )
  const time = fc.integer({ min: 0, max: 95 }).map((quarter) => {
    const minutes = quarter * 15
    return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
  })
  // Around the changes of 2026, to the minute.
  const at = fc
    .tuple(
      fc.constantFrom('2026-03-08', '2026-11-01', '2026-04-05', '2026-10-04', '2026-09-06'),
      fc.integer({ min: -2000, max: 2000 }),
    )
    .map(([day, minutes]) => Date.parse(`${day}T06:00:00Z`) + minutes * 60_000)
  fc.assert(
    fc.property(zone, time, time, at, (customerZone, from, until, instant) => {
      const facts = factsWith({
        now: instant,
        customer: { zone: customerZone },
        settings: { quietHours: { from, until } },
      })
      const verdict = guardrail.check(facts)
      if (verdict.kind !== 'defer') return
      expect(verdict.untilMs).toBeGreaterThan(instant)
      expect(verdict.untilMs - instant).toBeLessThanOrEqual(25 * 3_600_000)
      expect(guardrail.check({ ...facts, now: verdict.untilMs }).kind).toBe('allow')
    }),
    { seed: 1, numRuns: 2000 },
  )
})
