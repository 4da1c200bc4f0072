import { expect, test } from 'vitest'
import { e164, isCountry } from '#platform/phone/e164.ts'

/** Numbers that the regulators keep for fiction (Ofcom, NANPA, Bundesnetzagentur, ACMA). */
test.each([
  ['+1 (201) 555-0123', undefined, '+12015550123'],
  ['+12015550123', undefined, '+12015550123'],
  ['(201) 555-0123', 'US', '+12015550123'],
  ['07700 900123', 'GB', '+447700900123'],
  ['+44 (0)7700 900123', undefined, '+447700900123'],
  ['0171 39200 01', 'DE', '+491713920001'],
  ['0491 570 006', 'AU', '+61491570006'],
  ['00447700900123', 'DE', '+447700900123'],
  ['(201) 555-0123', undefined, undefined],
  ['12', 'DE', undefined],
  ['call me', 'DE', undefined],
  ['+1201555012345678', undefined, undefined],
  [12015550123, 'US', undefined],
  ['', 'US', undefined],
])('%s in %s', (value, country, expected) => {
  expect(e164(value, country)).toBe(expected)
})

test('a country is two letters that have a calling code', () => {
  expect(['US', 'DE', 'us', 'XX', '', undefined].map(isCountry)).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
  ])
})
