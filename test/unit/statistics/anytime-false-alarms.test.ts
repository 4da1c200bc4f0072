import { expect, test } from 'vitest'
import type { Random } from '#contracts/random.ts'
import { anytimeGuard } from '#statistics/anytime-guard.ts'
import { anytimeValid } from '#statistics/anytime-valid.ts'
import { momentsFromRate } from '#statistics/mean-moments.ts'
import { standardErrorOfDifference } from '#statistics/welch.ts'

// Two identical arms, looked at after every customer: the arms never differ, so each alarm is false.
const STREAMS = 300
const CUSTOMERS = 2500

test.each([
  { rate: 0.5, holdout: 0.5, seed: 11 },
  { rate: 0.5, holdout: 0.05, seed: 12 },
  { rate: 0.05, holdout: 0.5, seed: 13 },
])('rate $rate, holdout $holdout: with the guard at most 5 % false alarms', ({ rate, holdout, seed }) => {
  expect(falseAlarms({ rate, holdout, seed, guarded: true })).toBeLessThanOrEqual(0.05 * STREAMS)
})

test('without the guard false alarms are many: the streams can tell', () => {
  const alarms = falseAlarms({ rate: 0.5, holdout: 0.05, seed: 12, guarded: false })
  expect(alarms).toBeGreaterThan(0.15 * STREAMS)
})

interface Setting {
  rate: number
  holdout: number
  seed: number
  guarded: boolean
}

function falseAlarms({ rate, holdout, seed, guarded }: Setting): number {
  const random = seeded(seed)
  let alarms = 0
  for (let stream = 0; stream < STREAMS; stream++) {
    if (streamAlarms(random, rate, holdout, guarded)) alarms += 1
  }
  return alarms
}

function streamAlarms(random: Random, rate: number, holdout: number, guarded: boolean): boolean {
  const control = { n: 0, conversions: 0 }
  const treated = { n: 0, conversions: 0 }
  for (let n = 1; n <= CUSTOMERS; n++) {
    const arm = random.next() < holdout ? control : treated
    arm.n += 1
    if (random.next() < rate) arm.conversions += 1
    if (control.n === 0 || treated.n === 0) continue
    if (guarded && anytimeGuard({ kind: 'binary', arms: [treated, control] }).kind !== 'ok') continue
    const standardError = standardErrorOfDifference(momentsFromRate(treated), momentsFromRate(control))
    const estimate = treated.conversions / treated.n - control.conversions / control.n
    const interval = anytimeValid({ estimate, standardError, n })?.interval
    if (interval && (interval.lower > 0 || interval.upper < 0)) return true
  }
  return false
}

/** mulberry32: small, seeded, good enough to draw coins. */
function seeded(seed: number): Random {
  let state = seed
  return {
    next() {
      state = (state + 0x6d2b79f5) | 0
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
    },
  }
}
