import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Condition, conditionSchema } from '#contracts/condition.ts'
import type { JsonObject } from '#contracts/json.ts'
import { applyEvent } from '../../../src/profile/apply-event.ts'
import { compileCondition, conditionFaults } from '../../../src/profile/condition.ts'
import { newProfile } from '../../../src/profile/profile.ts'
import { at, customer, dayMs, euro, track } from './support.ts'

function holdsForTraits(condition: Condition, traits: JsonObject): boolean {
  return compileCondition(condition)({ profile: { ...newProfile(0), traits }, now: 0 })
}

/** Whether it holds at `now` for somebody with these events. */
function holds(condition: unknown, now: string, ...events: ReturnType<typeof track>[]): boolean {
  const own = customer(0)
  for (const one of events) applyEvent(own, one, euro)
  return compileCondition(conditionSchema.parse(condition))({ profile: own.profile, now: at(now) })
}

describe('comparisons', () => {
  const traits = JSON.parse(
    '{"n":5,"s":"5","b":true,"zero":0,"empty":"","nothing":null,"list":["a",1],"since":"2026-02-01T00:00:00.000Z","address":{"country":"CH","deep":{"x":1}},"dotted.name":"d"}',
  ) as JsonObject
  const cases: [trait: string, op: string, value: unknown, expected: boolean][] = [
    ['n', 'eq', 5, true],
    ['n', 'eq', '5', false],
    ['s', 'eq', 5, false],
    ['s', 'eq', '5', true],
    ['b', 'eq', true, true],
    ['n', 'ne', '5', true],
    ['n', 'ne', 5, false],
    ['gone', 'ne', 5, true],
    ['gone', 'eq', 5, false],
    ['n', 'in', [4, 5], true],
    ['s', 'in', [4, 5], false],
    ['gone', 'in', [], false],
    ['n', 'gt', 4.9, true],
    ['n', 'gt', 5, false],
    ['n', 'gte', 5, true],
    ['n', 'lt', 5, false],
    ['n', 'lte', 5, true],
    ['s', 'gt', 4, false],
    ['s', 'lt', 9, false],
    ['n', 'gt', '4', false],
    ['n', 'lt', '9', false],
    ['nothing', 'lte', 0, false],
    ['gone', 'lt', 1, false],
    ['since', 'lt', '2026-02-02', true],
    ['since', 'gte', '2026-02-01', true],
    ['since', 'gt', '2026-03', false],
    ['s', 'contains', '5', true],
    ['since', 'contains', '02-01', true],
    ['since', 'contains', '03-01', false],
    ['n', 'contains', 5, false],
    ['list', 'contains', 'a', true],
    ['list', 'contains', 1, true],
    ['list', 'contains', '1', false],
    ['zero', 'exists', true, true],
    ['empty', 'exists', true, true],
    ['nothing', 'exists', true, false],
    ['nothing', 'exists', false, true],
    ['gone', 'exists', false, true],
    ['address.country', 'eq', 'CH', true],
    ['address.deep.x', 'eq', 1, true],
    ['address.deep.x.y', 'exists', true, false],
    ['dotted.name', 'eq', 'd', true],
    ['list.0', 'exists', true, false],
    ['list.length', 'exists', true, false],
    ['s.length', 'exists', true, false],
    ['constructor', 'exists', true, false],
    ['__proto__', 'exists', true, false],
    ['address.__proto__.toString', 'exists', true, false],
    ['address.constructor.name', 'exists', true, false],
  ]
  test.each(cases)('%s %s %j: %s', (trait, op, value, expected) => {
    expect(holdsForTraits(conditionSchema.parse({ trait, op, value }), traits)).toBe(expected)
  })

  test('an empty all is true, an empty any false', () => {
    expect(holdsForTraits({ all: [] }, {})).toBe(true)
    expect(holdsForTraits({ any: [] }, {})).toBe(false)
    expect(holdsForTraits({ not: { any: [] } }, {})).toBe(true)
  })

  test('properties are the triggering event’s, absent without one', () => {
    const ask = compileCondition({ property: 'cart.total', op: 'gte', value: 50 })
    const profile = newProfile(0)
    expect(ask({ profile, now: 0, event: { name: 'x', properties: { cart: { total: 50 } } } })).toBe(true)
    expect(ask({ profile, now: 0, event: { name: 'x', properties: { cart: { total: '50' } } } })).toBe(false)
    expect(ask({ profile, now: 0 })).toBe(false)
  })

  test('membership is the profile’s', () => {
    const ask = compileCondition({ segment: 'constructor' })
    expect(ask({ profile: newProfile(0), now: 0 })).toBe(false)
    expect(ask({ profile: { ...newProfile(0), segments: { constructor: 5 } as never }, now: 9 })).toBe(true)
  })
})

describe('windows are UTC days, today included', () => {
  const bought = (when: string, revenue = 10) => track('Order Completed', when, { revenue })
  const count = (withinDays: number, value: number) => ({
    event: 'Order Completed',
    op: 'gte',
    value,
    withinDays,
  })

  test('one day is since midnight UTC', () => {
    const late = bought('2026-03-10T23:59:59.999Z')
    expect(holds(count(1, 1), '2026-03-10T23:59:59.999Z', late)).toBe(true)
    expect(holds(count(1, 1), '2026-03-11T00:00:00.000Z', late)).toBe(false)
    expect(holds(count(2, 1), '2026-03-11T23:59:59.999Z', late)).toBe(true)
    expect(holds(count(2, 1), '2026-03-12T00:00:00.000Z', late)).toBe(false)
  })

  test('a leap day and a change of the year are days like others', () => {
    const events = [
      bought('2024-02-28T12:00:00Z'),
      bought('2024-02-29T12:00:00Z'),
      bought('2024-03-01T12:00:00Z'),
    ]
    expect(holds(count(3, 3), '2024-03-01T13:00:00Z', ...events)).toBe(true)
    expect(holds(count(2, 3), '2024-03-01T13:00:00Z', ...events)).toBe(false)
    expect(holds(count(2, 2), '2024-03-01T13:00:00Z', ...events)).toBe(true)
    expect(holds(count(2, 1), '2026-01-01T00:00:00Z', bought('2025-12-31T00:00:00Z'))).toBe(true)
  })

  test('the longest window has 400 days and no more', () => {
    // 2026-03-10 less 399 days is 2025-02-04 (`date -ud '2026-03-10 -399 days'`).
    const now = '2026-03-10T12:00:00Z'
    const today = bought('2026-03-11T00:00:01Z')
    expect(holds(count(400, 2), now, bought('2025-02-04T00:00:00Z'), today)).toBe(true)
    expect(holds(count(400, 2), now, bought('2025-02-03T23:59:59Z'), today)).toBe(false)
    expect(holds({ event: 'Order Completed', op: 'gte', value: 2 }, now, bought('2025-02-03'), today)).toBe(
      true,
    )
  })

  test('sums are of money, exact to the micro', () => {
    const events = [bought('2026-03-09', 0.1), bought('2026-03-10', 0.2)]
    const sum = (op: string, value: number, more: object = {}) => ({
      event: 'Order Completed',
      measure: 'sum',
      op,
      value,
      ...more,
    })
    expect(0.1 + 0.2).not.toBe(0.3)
    expect(holds(sum('eq', 0.3), '2026-03-10', ...events)).toBe(true)
    expect(holds(sum('gt', 0.3), '2026-03-10', ...events)).toBe(false)
    expect(holds(sum('eq', 0.2, { withinDays: 1 }), '2026-03-10', ...events)).toBe(true)
  })

  test('daysSince is an exact age, infinite without any', () => {
    const since = (op: string, value: number, more: object = {}) => ({
      event: 'a',
      measure: 'daysSince',
      op,
      value,
      ...more,
    })
    const seen = track('a', '2026-03-10T08:00:00Z')
    expect(holds(since('gte', 30), '2026-04-09T07:59:59.999Z', seen)).toBe(false)
    expect(holds(since('gte', 30), '2026-04-09T08:00:00.000Z', seen)).toBe(true)
    expect(holds(since('lte', 0.5), '2026-03-10T20:00:00Z', seen)).toBe(true)
    expect(holds(since('lt', 0.5), '2026-03-10T20:00:00Z', seen)).toBe(false)
    expect(holds(since('gte', 100_000), '2026-04-09')).toBe(true)
    expect(holds(since('lte', 100_000), '2026-04-09')).toBe(false)
    expect(holds(since('ne', 3), '2026-04-09')).toBe(true)
    // Outside the window there is none.
    expect(holds(since('lte', 5, { withinDays: 2 }), '2026-03-11T23:00:00Z', seen)).toBe(true)
    expect(holds(since('lte', 5, { withinDays: 2 }), '2026-03-12T00:00:00Z', seen)).toBe(false)
  })

  test('the star is any event', () => {
    const events = [track('a', '2026-03-09'), track('b', '2026-03-10')]
    expect(holds({ event: '*', op: 'eq', value: 2 }, '2026-03-10', ...events)).toBe(true)
    expect(holds({ event: '*', op: 'eq', value: 1, withinDays: 1 }, '2026-03-10', ...events)).toBe(true)
    expect(holds({ event: '*', measure: 'daysSince', op: 'eq', value: 1 }, '2026-03-11', ...events)).toBe(
      true,
    )
    expect(holds({ event: 'toString', op: 'gte', value: 1 }, '2026-03-10', ...events)).toBe(false)
  })

  test('counts agree with a look at the calendar dates of all events', () => {
    const start = at('2024-01-20T00:00:00Z')
    fc.assert(
      fc.property(
        fc.array(fc.record({ name: fc.constantFrom('a', 'b'), offset: fc.nat(120 * dayMs) }), {
          maxLength: 40,
        }),
        fc.integer({ min: 1, max: 60 }),
        fc.nat(60 * dayMs),
        fc.constantFrom('a', '*'),
        (seen, withinDays, afterMs, name) => {
          const now = start + 120 * dayMs + afterMs
          const events = seen.map((one) => track(one.name, start + one.offset))
          const dates = new Set<string>()
          const date = new Date(now)
          for (let i = 0; i < withinDays; i += 1) {
            dates.add(date.toISOString().slice(0, 10))
            date.setUTCDate(date.getUTCDate() - 1)
          }
          const expected = events.filter(
            (one) =>
              (name === '*' || one.payload.name === name) &&
              dates.has(new Date(one.occurredAt).toISOString().slice(0, 10)),
          ).length
          const condition = { event: name, op: 'eq', value: expected, withinDays }
          return holds(condition, new Date(now).toISOString(), ...events)
        },
      ),
    )
  })
})

test('faults of an operator and its value are named', () => {
  const faults = (condition: Condition, properties = true) =>
    conditionFaults(condition, { segments: new Set(['vip']), properties })
  expect(faults({ trait: 'a', op: 'in', value: 'x' })).toEqual(['a: in takes a list'])
  expect(faults({ not: { trait: 'a', op: 'eq', value: ['x'] } })).toEqual([
    'a: eq takes one value, not a list',
  ])
  expect(faults({ property: 'a', op: 'exists', value: 1 })).toEqual(['a: exists takes true or false'])
  expect(faults({ trait: 'a', op: 'gt', value: true })).toEqual(['a: gt takes a number or a string'])
  expect(faults({ any: [{ segment: 'vip' }, { segment: 'gone' }] })).toEqual(['no segment gone'])
  expect(faults({ property: 'a', op: 'eq', value: 1 }, false)).toEqual([
    'property a: a segment has no triggering event',
  ])
})
