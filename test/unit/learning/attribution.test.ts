import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RowOf } from '#platform/store/store.ts'
import { attribute } from '../../../src/learning/attribution.ts'
import { exposureRow } from './learning-store.ts'

const purchase = (occurredAt: number) => ({ goalId: 'purchase', occurredAt })

describe('the last touch', () => {
  test('both ends of the window belong to it', () => {
    const exposures = [exposureRow({ exposed_at: 1000, window_ends_at: 2000 })]
    expect(attribute(exposures, purchase(999))).toBeNull()
    expect(attribute(exposures, purchase(1000))?.state).toBe('converted')
    expect(attribute(exposures, purchase(2000))?.state).toBe('converted')
    expect(attribute(exposures, purchase(2001))).toBeNull()
  })

  test('the later of two wins, however they are ordered', () => {
    const [early, late] = [
      exposureRow({ exposed_at: 1000 }),
      exposureRow({ decision_id: 'd0', exposed_at: 1500 }),
    ]
    expect(attribute([early, late], purchase(1600))?.exposure).toBe(late)
    expect(attribute([late, early], purchase(1600))?.exposure).toBe(late)
    expect(attribute([late, early], purchase(1400))?.exposure).toBe(early)
  })

  test('a later exposure of another goal does not matter', () => {
    const own = exposureRow({})
    const other = exposureRow({ decision_id: 'd2', goal_id: 'visit', exposed_at: 1400 })
    expect(attribute([own, other], purchase(1500))?.exposure).toBe(own)
  })

  test('closed: a correction; converted, credited or corrected: nothing, and no older exposure instead', () => {
    const older = exposureRow({ decision_id: 'd0', exposed_at: 900 })
    const closed = exposureRow({ state: 'closed' })
    expect(attribute([older, closed], purchase(1500))).toEqual({ exposure: closed, state: 'corrected' })
    for (const state of ['converted', 'credited', 'corrected'] as const) {
      expect(attribute([older, exposureRow({ state })], purchase(1500))).toBeNull()
    }
  })
})

const exposure = fc
  .record({
    decision_id: fc.constantFrom('a', 'b', 'c', 'd'),
    campaign_id: fc.constantFrom('x', 'y'),
    goal_id: fc.constantFrom('purchase', 'visit'),
    exposed_at: fc.integer({ min: 0, max: 10 }),
    length: fc.integer({ min: 1, max: 8 }),
    state: fc.constantFrom<RowOf<'exposures'>['state']>(
      'open',
      'converted',
      'closed',
      'credited',
      'corrected',
    ),
  })
  .map(({ length, ...row }) => exposureRow({ ...row, window_ends_at: row.exposed_at + length }))
const exposuresOfOne = fc.uniqueArray(exposure, {
  selector: (row) => `${row.decision_id}/${row.campaign_id}`,
})

test('property: it is the newest candidate, whatever the order of the rows', () => {
  fc.assert(
    fc.property(exposuresOfOne, fc.integer({ min: 0, max: 20 }), (exposures, occurredAt) => {
      const inWindow = exposures
        .filter((row) => row.goal_id === 'purchase')
        .filter((row) => row.exposed_at <= occurredAt && occurredAt <= row.window_ends_at)
        .sort((a, b) => sortKey(a).localeCompare(sortKey(b), 'en'))
      const newest = inWindow.at(-1)
      const expected =
        newest?.state === 'open' ? 'converted' : newest?.state === 'closed' ? 'corrected' : undefined
      const found = attribute(exposures, purchase(occurredAt))
      expect(found?.state).toBe(expected)
      if (found !== null) expect(found.exposure).toBe(newest)
      expect(attribute(exposures.toReversed(), purchase(occurredAt))?.exposure).toBe(found?.exposure)
    }),
  )
})

test('property: however many conversions come, each exposure is credited at most once', () => {
  fc.assert(
    fc.property(
      exposuresOfOne,
      fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 30 }),
      (exposures, times) => {
        const credited: string[] = []
        for (const occurredAt of times) {
          const found = attribute(exposures, purchase(occurredAt))
          if (found === null) continue
          credited.push(`${found.exposure.decision_id}/${found.exposure.campaign_id}`)
          found.exposure.state = found.state
        }
        expect(new Set(credited).size).toBe(credited.length)
      },
    ),
  )
})

function sortKey(row: { exposed_at: number; decision_id: string; campaign_id: string }): string {
  return `${String(row.exposed_at).padStart(4, '0')}/${row.decision_id}/${row.campaign_id}`
}
