import { expect, test } from 'vitest'
import { decisionIdOf, messageIdOf } from '#platform/ids/ids.ts'

const trigger = { kind: 'event' as const, triggerId: 'e1', step: 0 }

test('ids of decisions and messages begin with the day, so that a day’s rows stand together', () => {
  const today = decisionIdOf('main', 'c1', trigger, 20_778)
  expect(today).toMatch(/^512a[0-9a-f]{28}$/)
  expect(messageIdOf(today, 0)).toMatch(/^512a[0-9a-f]{28}$/)
  // Text order is the order of days, also for days of fewer digits.
  expect(decisionIdOf('main', 'c1', trigger, 3) < decisionIdOf('main', 'c1', trigger, 20_778)).toBe(true)
})

test('what happened once gets the same ids again, anything else gets others', () => {
  const id = decisionIdOf('main', 'c1', trigger, 20_778)
  expect(decisionIdOf('main', 'c1', { ...trigger }, 20_778)).toBe(id)
  const others = [
    decisionIdOf('other', 'c1', trigger, 20_778),
    decisionIdOf('main', 'c2', trigger, 20_778),
    decisionIdOf('main', 'c1', { ...trigger, triggerId: 'e2' }, 20_778),
    decisionIdOf('main', 'c1', { ...trigger, step: 1 }, 20_778),
    decisionIdOf('main', 'c1', { ...trigger, kind: 'timer' }, 20_778),
    messageIdOf(id, 0),
    messageIdOf(id, 1),
  ]
  expect(new Set([id, ...others]).size).toBe(others.length + 1)
})
