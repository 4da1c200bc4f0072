import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { guardrail } from '../../../src/guardrails/quiet-hours.ts'
import { factsWith } from './facts.ts'

/**
 * Instants around the ends of quiet hours and around every change of the clock of 2026, and what Python's zoneinfo
 * says of each: `quiet-hours-zoneinfo/quiet-hours.py` made the list, minute by minute, without arithmetic on
 * offsets. A line is zone, hours, instant (UTC, of 2026), and `allow` or the instant until which it waits.
 */
const lines = readFileSync(new URL('quiet-hours-zoneinfo/quiet-hours.txt', import.meta.url), 'utf8')
const known = lines
  .trim()
  .split('\n')
  .map((line) => line.split(' ') as [zone: string, hours: string, at: string, expected: string])

describe.each([...new Set(known.map(([zone]) => zone))])('%s', (zone) => {
  const own = known.filter((row) => row[0] === zone)

  test.each([...new Set(own.map(([, hours]) => hours))])('quiet %s', (hours) => {
    const [from = '', until = ''] = hours.split('-')
    const rows = own.filter((row) => row[1] === hours)
    const said = rows.map(([, , at]) => `${at} ${waitsUntil(zone, { from, until }, at)}`)
    expect(said).toEqual(rows.map(([, , at, expected]) => `${at} ${expected}`))
  })
})

test('the list covers each zone that Python was asked about', () => {
  expect(known.length).toBeGreaterThan(250)
  expect(new Set(known.map(([zone]) => zone)).size).toBe(5)
})

function waitsUntil(zone: string, quietHours: { from: string; until: string }, at: string): string {
  const facts = factsWith({ now: Date.parse(`2026-${at}Z`), customer: { zone }, settings: { quietHours } })
  const verdict = guardrail.check(facts)
  if (verdict.kind !== 'defer') return verdict.kind
  const end = new Date(verdict.untilMs).toISOString()
  if (!end.endsWith(':00.000Z')) throw new Error(`no whole minute: ${end}`)
  return end.slice(5, 16)
}
