import { describe, expect, it } from 'vitest'
import type { SendSlots } from '#contracts/decision.ts'
import { cohortKey, sendTimeAt, sendTimeNumbers } from '#contracts/stages.ts'
import { slotFloorShare, slotProbabilities } from '#decision/send-time.ts'
import { makeSnapshot } from './support.ts'

/** Every hour of a Wednesday. */
function wholeDay(over: Partial<SendSlots> = {}, active: Record<number, number> = {}): SendSlots {
  const slots = Array.from({ length: 24 }, (_, hour) => ({
    dueAt: hour,
    hourOfWeek: 3 * 24 + hour,
    activity: active[hour] ?? 0,
  }))
  return { cohort: '', activityTotal: 0, slots, ...over }
}

/** A cohort that was sent to at every hour of working days, with this many rewards in each. */
function cohort(sends: number, rewardsAt: (hour: number) => number, cells = [0, 24]): Float64Array {
  const numbers = new Float64Array(sendTimeNumbers)
  for (let hour = 0; hour < 24; hour += 1) {
    for (const from of cells) {
      numbers[sendTimeAt.sends + from + hour] = sends
      numbers[sendTimeAt.rewards + from + hour] = rewardsAt(hour)
    }
  }
  return numbers
}

function snapshotOf(cohorts: Record<string, Float64Array>) {
  const sendTimes = new Map(Object.entries(cohorts).map(([name, own]) => [cohortKey('daily', name), own]))
  return makeSnapshot({}, { sendTimes })
}

describe('the hour of a message', () => {
  it('is drawn evenly while nothing is known', () => {
    for (const p of slotProbabilities(makeSnapshot(), 'daily', wholeDay())) expect(p).toBeCloseTo(1 / 24, 9)
  })

  it('is the cohort’s best one nearly always once that is known, and no hour is given up', () => {
    const snapshot = snapshotOf({
      early: cohort(5_000, (hour) => (hour === 6 ? 300 : 200)),
      late: cohort(5_000, (hour) => (hour === 21 ? 300 : 200)),
    })
    for (const [name, best] of [
      ['early', 6],
      ['late', 21],
    ] as const) {
      const p = slotProbabilities(snapshot, 'daily', wholeDay({ cohort: name }))
      expect(p[best]!).toBeGreaterThan(0.94)
      for (const each of p) expect(each).toBeGreaterThanOrEqual(slotFloorShare / 24)
      expect(p.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 12)
    }
  })

  it('borrows the campaign’s pattern for a cohort that is new', () => {
    const snapshot = snapshotOf({ known: cohort(5_000, (hour) => (hour === 9 ? 350 : 150)) })
    const p = slotProbabilities(snapshot, 'daily', wholeDay({ cohort: 'new' }))
    expect(p[9]!).toBeGreaterThan(2 / 24)
    expect(p[9]!).toBe(Math.max(...p))
  })

  it('differs on the weekend where the weekend does', () => {
    const numbers = cohort(8_000, (hour) => (hour === 8 ? 480 : 320), [0])
    numbers.set(cohort(8_000, (hour) => (hour === 11 ? 480 : 320), [24]).subarray(24, 48), 24)
    numbers.set(cohort(8_000, (hour) => (hour === 11 ? 480 : 320), [24]).subarray(72, 96), 72)
    const snapshot = snapshotOf({ '': numbers })
    const wednesday = slotProbabilities(snapshot, 'daily', wholeDay())
    const sunday = wholeDay()
    for (const slot of sunday.slots) slot.hourOfWeek -= 3 * 24
    expect(wednesday[8]!).toBeGreaterThan(0.5)
    expect(slotProbabilities(snapshot, 'daily', sunday)[11]!).toBeGreaterThan(0.5)
  })

  it('leans to the hours in which the customer is there, more so the more that has paid off', () => {
    const active = wholeDay({ activityTotal: 60 }, { 20: 40, 7: 20 })
    const before = slotProbabilities(makeSnapshot(), 'daily', active)
    expect(before[20]!).toBe(Math.max(...before))
    expect(before[7]!).toBeGreaterThan(before[3]!)
    const taught = cohort(1_000, () => 50)
    taught[sendTimeAt.slopePrecision] = 400
    taught[sendTimeAt.slopeEvidence] = 300
    const after = slotProbabilities(snapshotOf({ '': taught }), 'daily', active)
    expect(after[20]!).toBeGreaterThan(before[20]!)
    taught[sendTimeAt.slopeEvidence] = -100
    const opposite = slotProbabilities(snapshotOf({ '': taught }), 'daily', active)
    expect(opposite[20]!).toBeLessThan(1 / 24)
  })
})
