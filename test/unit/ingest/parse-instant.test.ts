import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseInstant } from '../../../src/ingest/parse-instant.ts'

/** Seconds since the epoch are from `date -u -d … +%s` of GNU coreutils. */
test.each([
  ['2015-12-10T04:08:31.909Z', 1449720511909],
  ['2015-12-10T04:08:31Z', 1449720511000],
  ['2015-12-10T04:08Z', 1449720480000],
  ['2015-12-10 04:08:31', 1449720511000],
  ['2015-12-10T05:08:31+01:00', 1449720511000],
  ['2015-12-10T09:53:31+0545', 1449720511000],
  ['2015-12-09T23:08:31-05', 1449720511000],
  ['2015-12-10t04:08:31,909123z', 1449720511909],
  ['2015-12-10T04:08:31.9Z', 1449720511900],
  ['2015-12-10', 1449705600000],
  ['2024-02-29T00:00:00Z', 1709164800000],
  ['2016-12-31T23:59:60Z', 1483228800000],
  ['Thu, 10 Dec 2015 04:08:31 GMT', 1449720511000],
  ['Thu Dec 10 2015 05:08:31 GMT+0100 (Central European Standard Time)', 1449720511000],
  ['Dec 10, 2015 04:08:31', 1449720511000],
  [1449720511909, 1449720511909],
])('reads %s', (text, instant) => {
  expect(parseInstant(text)).toBe(instant)
})

test.each([
  '',
  'yesterday',
  // Date.parse makes 1 December 2001 of this.
  'foo 12',
  '2015-13-01T00:00:00Z',
  '2015-02-29T00:00:00Z',
  '2015-12-10T24:00:00Z',
  '2015-12-10T04:60:00Z',
  '2015-12-10T04:08:31.Z',
  '2015-12-10T04:08:31Zulu',
  '2015-12-10T04:08:31+1:00',
  '2015-12-10T04',
  '1449720511909',
  '٢٠١٥-١٢-١٠',
  'Dec 10 '.repeat(1000),
  Number.NaN,
  true,
  null,
  {},
])('refuses %s', (value) => {
  expect(parseInstant(value)).toBeNull()
})

test('agrees with Date for every instant that Date writes', () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
      (date) => {
        expect(parseInstant(date.toISOString())).toBe(date.getTime())
      },
    ),
  )
})
