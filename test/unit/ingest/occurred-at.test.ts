import { expect, test } from 'vitest'
import { occurredAtOf } from '../../../src/ingest/occurred-at.ts'

const day = 24 * 60 * 60 * 1000
const at = (text: string): number => Date.parse(text)

test('the example of the public Segment spec: receivedAt − (sentAt − originalTimestamp)', () => {
  const times = { originalTimestamp: '2015-12-10T04:08:31.577Z', sentAt: '2015-12-10T04:08:31.581Z' }
  expect(occurredAtOf(times, at('2015-12-10T04:08:31.909Z'), day)).toBe(at('2015-12-10T04:08:31.905Z'))
})

test('a clock that is three years fast cancels out', () => {
  const times = { timestamp: '2027-01-02T10:00:00Z', sentAt: '2027-01-02T10:05:00Z' }
  expect(occurredAtOf(times, at('2024-01-02T12:00:00Z'), day)).toBe(at('2024-01-02T11:55:00Z'))
})

test('a time in the past that was given on purpose stays', () => {
  const times = { timestamp: '2023-06-01T00:00:00Z', sentAt: '2024-01-02T12:00:00Z' }
  expect(occurredAtOf(times, at('2024-01-02T12:00:00Z'), day)).toBe(at('2023-06-01T00:00:00Z'))
})

test('timestamp wins over originalTimestamp, null counts as absent', () => {
  const received = at('2024-01-02T12:00:00Z')
  const both = { timestamp: '2024-01-01T00:00:00Z', originalTimestamp: '2023-01-01T00:00:00Z' }
  expect(occurredAtOf(both, received, day)).toBe(at('2024-01-01T00:00:00Z'))
  expect(occurredAtOf({ ...both, timestamp: null, sentAt: null }, received, day)).toBe(
    at('2023-01-01T00:00:00Z'),
  )
})

test('without any time it happened when we received it, whatever sentAt says', () => {
  expect(occurredAtOf({ sentAt: '2020-01-01T00:00:00Z' }, 1_700_000_000_000, day)).toBe(1_700_000_000_000)
})

test('a day ahead after correction is the limit', () => {
  const received = at('2024-01-02T12:00:00Z')
  expect(occurredAtOf({ timestamp: '2024-01-03T12:00:00.000Z' }, received, day)).toBe(received + day)
  expect(occurredAtOf({ timestamp: '2024-01-03T12:00:00.001Z' }, received, day)).toMatchObject({
    code: 'future_timestamp',
    field: 'timestamp',
  })
})

test.each([
  [{ timestamp: 'soon' }, 'timestamp'],
  [{ originalTimestamp: 'soon' }, 'originalTimestamp'],
  [{ timestamp: '2024-01-01', sentAt: 'soon' }, 'sentAt'],
  [{ timestamp: '0001-01-01T00:00:00Z' }, 'timestamp'],
])('%j cannot be read', (times, field) => {
  expect(occurredAtOf(times, at('2024-01-02T12:00:00Z'), day)).toMatchObject({ code: 'bad_timestamp', field })
})
