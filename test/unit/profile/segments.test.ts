import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Segment } from '#contracts/campaign.ts'
import { type Condition, conditionSchema } from '#contracts/condition.ts'
import { applyEvent } from '../../../src/profile/apply-event.ts'
import {
  type CompiledSegments,
  compileSegments,
  nextSegmentChangeAt,
  updateSegments,
} from '../../../src/profile/segments.ts'
import { at, customer, dayMs, euro, track } from './support.ts'

function segment(id: string, condition: unknown): Segment {
  return { id, name: id, condition: conditionSchema.parse(condition) }
}

function compiled(...segments: Segment[]): CompiledSegments {
  const result = compileSegments(segments)
  if (result.kind === 'faults') throw new Error(result.faults.join())
  return result.segments
}

const buyers = segment('buyers', { event: 'Order Completed', op: 'gte', value: 1, withinDays: 7 })
const lapsed = segment('lapsed', {
  all: [{ event: 'Order Completed', op: 'gte', value: 1 }, { not: { segment: 'buyers' } }],
})

test('segments refer to each other in any order of definition', () => {
  for (const segments of [compiled(lapsed, buyers), compiled(buyers, lapsed)]) {
    const own = customer('2026-03-01')
    expect(updateSegments(own.profile, segments, at('2026-03-01'))).toEqual({ entered: [], left: [] })
    applyEvent(own, track('Order Completed', '2026-03-02T10:00:00Z'), euro)
    expect(updateSegments(own.profile, segments, at('2026-03-02T10:00:00Z'))).toEqual({
      entered: ['buyers'],
      left: [],
    })
    expect(updateSegments(own.profile, segments, at('2026-03-08T23:59:59Z'))).toEqual({
      entered: [],
      left: [],
    })
    expect(nextSegmentChangeAt(own.profile, segments, at('2026-03-03'))).toBe(at('2026-03-09'))
    expect(updateSegments(own.profile, segments, at('2026-03-09'))).toEqual({
      entered: ['lapsed'],
      left: ['buyers'],
    })
    expect(own.profile.segments).toEqual({ lapsed: at('2026-03-09') })
    expect(nextSegmentChangeAt(own.profile, segments, at('2026-03-09'))).toBeNull()
  }
})

test('a segment that is no longer defined is left', () => {
  const own = customer('2026-03-01')
  own.profile.segments = { gone: 1, constructor: 2 } as never
  expect(updateSegments(own.profile, compiled(), 5)).toEqual({ entered: [], left: ['gone', 'constructor'] })
  expect(own.profile.segments).toEqual({})
})

test('circles, unknown segments and properties are refused by name', () => {
  const faults = (...segments: Segment[]) => {
    const result = compileSegments(segments)
    return result.kind === 'faults' ? result.faults : []
  }
  expect(faults(segment('a', { segment: 'a' }))).toEqual(['segments in a circle: a → a'])
  expect(
    faults(
      segment('start', { segment: 'a' }),
      segment('a', { not: { segment: 'b' } }),
      segment('b', { any: [{ segment: 'c' }] }),
      segment('c', { all: [{ segment: 'a' }] }),
    ),
  ).toEqual(['segments in a circle: a → b → c → a'])
  expect(faults(segment('a', { segment: 'b' }))).toEqual(['segment a: no segment b'])
  expect(faults(segment('a', { property: 'x', op: 'eq', value: 1 }))).toEqual([
    'segment a: property x: a segment has no triggering event',
  ])
  expect(faults(buyers, buyers)).toEqual(['two segments have the same id'])
})

test('an age is reached at its instant', () => {
  const own = customer('2026-03-01')
  applyEvent(own, track('a', '2026-03-01T10:00:00Z'), euro)
  const idle = (op: string) => compiled(segment('idle', { event: 'a', measure: 'daysSince', op, value: 30 }))
  expect(nextSegmentChangeAt(own.profile, idle('gte'), at('2026-03-02'))).toBe(at('2026-03-31T10:00:00Z'))
  expect(nextSegmentChangeAt(own.profile, idle('gt'), at('2026-03-02'))).toBe(at('2026-03-31T10:00:00.001Z'))
  expect(nextSegmentChangeAt(own.profile, idle('gte'), at('2026-04-02'))).toBeNull()
  expect(nextSegmentChangeAt(customer(0).profile, idle('gte'), 0)).toBeNull()
})

/** Tells at which of the instants asked for a membership differs from the one before. */
test('between now and the announced change nothing changes, and a single condition changes then', () => {
  const start = at('2026-01-01')
  const leaf: fc.Arbitrary<Condition> = fc.oneof(
    fc.record({
      event: fc.constantFrom('a', '*'),
      measure: fc.constantFrom('count' as const, 'sum' as const),
      op: fc.constantFrom('eq' as const, 'gte' as const, 'lt' as const, 'ne' as const),
      value: fc.integer({ min: -3, max: 5 }),
      withinDays: fc.integer({ min: 1, max: 12 }),
    }),
    fc.record(
      {
        event: fc.constantFrom('a', '*'),
        measure: fc.constant('daysSince' as const),
        op: fc.constantFrom('eq' as const, 'gt' as const, 'gte' as const, 'lte' as const, 'lt' as const),
        value: fc.constantFrom(0, 0.25, 1, 2.5, 6),
        withinDays: fc.integer({ min: 1, max: 12 }),
      },
      { requiredKeys: ['event', 'measure', 'op', 'value'] },
    ),
  )
  const happened = fc.record({
    name: fc.constantFrom('a', 'b'),
    hour: fc.integer({ min: 0, max: 10 * 24 }),
    revenue: fc.integer({ min: -2, max: 3 }),
  })
  fc.assert(
    fc.property(leaf, fc.array(happened, { maxLength: 8 }), (condition, events) => {
      const own = customer(start)
      for (const { name, hour, revenue } of events) {
        applyEvent(own, track(name, start + hour * 3_600_000, { revenue }), euro)
      }
      const now = start + 10 * dayMs
      const segments = compiled(segment('s', condition))
      const memberAt = (instant: number) => {
        const profile = structuredClone(own.profile)
        updateSegments(profile, segments, instant)
        return 's' in profile.segments
      }
      const change = nextSegmentChangeAt(own.profile, segments, now)
      const member = memberAt(now)
      const end = change ?? now + 30 * dayMs
      // Ages and windows of these events can turn only at full hours (and a quarter of a day), or just after.
      for (let instant = now; instant < end; instant += 3_600_000) {
        if (memberAt(instant) !== member) return false
        if (instant + 1 < end && memberAt(instant + 1) !== member) return false
      }
      return change === null || memberAt(change) !== member
    }),
  )
})
