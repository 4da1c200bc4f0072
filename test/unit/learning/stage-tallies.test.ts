import { describe, expect, it } from 'vitest'
import type { DecodedSendTime } from '#contracts/decision.ts'
import { cohortKey, sendTimeAt, variantKey } from '#contracts/stages.ts'
import { decodeState, emptyState, encodeState } from '../../../src/learning/learner-state.ts'
import { teachStages } from '../../../src/learning/stage-tallies.ts'

const row = { campaign_id: 'daily', head: 'news/email', kind: 'reward' as const, y: 0 as 0 | 1 }

function sentAt(slotIndex: number, over: Partial<DecodedSendTime> = {}): DecodedSendTime {
  const slots = [8, 9, 20].map((hour) => ({
    dueAt: hour,
    hourOfWeek: 24 + hour,
    activity: hour === 20 ? 6 : 1,
  }))
  return { cohort: 'students', activityTotal: 10, slots, probabilities: [0.2, 0.3, 0.5], slotIndex, ...over }
}

describe('what the stages learn', () => {
  it('counts a variant’s sends and rewards; a correction turns a 0 into a 1', () => {
    const { stages } = emptyState('v1', 64)
    for (const y of [0, 1, 0] as const) teachStages(stages, { ...row, y }, { variantId: 'short' })
    teachStages(stages, { ...row, kind: 'correction', y: 1 }, { variantId: 'short' })
    teachStages(stages, { ...row, y: 1 }, { variantId: '' })
    expect([...stages.variants]).toEqual([
      [variantKey('daily', 'news/email', 'short'), Float64Array.of(3, 2)],
    ])
    expect(stages.sendTimes.size).toBe(0)
  })

  it('counts the hour that was drawn, and the shares of activity of all that were open', () => {
    const { stages } = emptyState('v1', 64)
    teachStages(stages, { ...row, y: 1 }, { sendTime: sentAt(2) })
    teachStages(stages, row, { sendTime: sentAt(0) })
    teachStages(stages, { ...row, kind: 'correction', y: 1 }, { sendTime: sentAt(0) })
    const numbers = stages.sendTimes.get(cohortKey('daily', 'students'))!
    expect(numbers[sendTimeAt.sends + 20]).toBe(1)
    expect(numbers[sendTimeAt.rewards + 20]).toBe(1)
    expect(numbers[sendTimeAt.sends + 8]).toBe(1)
    expect(numbers[sendTimeAt.rewards + 8]).toBe(1)
    expect(numbers[sendTimeAt.activity + 24 + 20]).toBeCloseTo(1.2, 12)
    expect(numbers[sendTimeAt.observed + 24 + 20]).toBe(2)
  })

  it('learns that customers respond when they are there', () => {
    const { stages } = emptyState('v1', 64)
    const slotsOf = (active: number) =>
      sentAt(0).slots.map((slot, at) => ({ ...slot, activity: at === active ? 10 : 0 }))
    for (let i = 0; i < 4_000; i += 1) {
      // Some come at eight in the morning, others in the evening; both are sent to at either hour.
      const [active, slotIndex] = [i % 2 === 0 ? 0 : 2, i % 4 < 2 ? 0 : 2]
      const every = active === slotIndex ? 10 : 50
      const y = Math.floor(i / 4) % every === 0 ? 1 : 0
      const sendTime = sentAt(slotIndex, { cohort: '', slots: slotsOf(active) })
      teachStages(stages, { ...row, y }, { sendTime })
    }
    const numbers = stages.sendTimes.get(cohortKey('daily', ''))!
    const slope = (4 + numbers[sendTimeAt.slopeEvidence]!) / (16 + numbers[sendTimeAt.slopePrecision]!)
    expect(slope).toBeGreaterThan(0.4)
  })

  it('keeps 64 cohorts of a campaign apart and the rest together', () => {
    const { stages } = emptyState('v1', 64)
    for (let i = 0; i < 200; i += 1) teachStages(stages, row, { sendTime: sentAt(1, { cohort: `c${i}` }) })
    expect(stages.sendTimes.size).toBe(65)
    expect(stages.sendTimes.get(cohortKey('daily', ''))![sendTimeAt.sends + 9]).toBe(136)
  })

  it('is kept with the learner’s state', () => {
    const state = emptyState('v1', 4)
    teachStages(state.stages, row, { variantId: 'short', sendTime: sentAt(1) })
    expect(decodeState(encodeState(state))).toEqual(state)
  })
})
