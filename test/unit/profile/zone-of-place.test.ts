import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { isZone } from '#platform/clock/local-time.ts'
import { newProfile } from '../../../src/profile/profile.ts'
import { customerZone, zoneOfPlace } from '../../../src/profile/zone-of-place.ts'

const zoneOf = (traits: Parameters<typeof customerZone>[0]['traits'], zone?: string) =>
  customerZone({ ...newProfile(0), traits, ...(zone === undefined ? {} : { zone }) }, 'Europe/Berlin')

describe('the zone of a customer', () => {
  test('is their own, else that of their place, else the workspace’s', () => {
    expect(zoneOf({ country: 'NP' }, 'Asia/Kolkata')).toBe('Asia/Kolkata')
    expect(zoneOf({ country: 'JP' })).toBe('Asia/Tokyo')
    expect(zoneOf({})).toBe('Europe/Berlin')
    expect(zoneOf({ country: 'Nowhere' })).toBe('Europe/Berlin')
  })

  test('reads the traits that clients send', () => {
    expect(zoneOf({ country: 'us', region: 'CA' })).toBe('America/Los_Angeles')
    expect(zoneOf({ country: 'US', state: 'US-NY' })).toBe('America/New_York')
    expect(zoneOf({ address: { country: 'Australia', state: 'wa' } })).toBe('Australia/Perth')
    expect(zoneOf({ country: 7, address: 'here' })).toBe('Europe/Berlin')
  })
})

test.each([
  ['GB', '', 'Europe/London'],
  ['United Kingdom', '', 'Europe/London'],
  ['CL', '', 'America/Santiago'],
  ['DE', '', 'Europe/Berlin'],
  ['US', '', null],
  ['US', 'XX', null],
  ['RU', '', null],
  ['AU', 'NSW', 'Australia/Sydney'],
  ['XX', '', null],
  ['', '', null],
])('%s %s: %s', (country, region, zone) => {
  expect(zoneOfPlace(country, region)).toBe(zone)
})

test('a country whose zones all show the same has one', () => {
  const zone = zoneOfPlace('AR', '')
  expect(zone).toMatch(/^America\//)
  expect(
    new Intl.DateTimeFormat('en', { timeZone: zone ?? '', timeZoneName: 'longOffset' }).format(0),
  ).toContain('GMT-03:00')
})

test('every zone that is named is one, and every region has one', () => {
  const source = readFileSync(new URL('../../../src/profile/zone-of-place.ts', import.meta.url), 'utf8')
  const named = [...source.matchAll(/'([A-Z][a-z]+\/[A-Za-z_]+)'/g)].map((match) => match[1] ?? '')
  expect(named.length).toBeGreaterThan(40)
  expect(named.filter((zone) => !isZone(zone))).toEqual([])
  const states = [...source.matchAll(/': '?([A-Z]{2}(?: [A-Z]{2})+)'/g)].flatMap((match) =>
    match[1]?.split(' '),
  )
  expect(states.length).toBeGreaterThan(60)
})
