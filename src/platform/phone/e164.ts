import { type CountryCode, isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/min'

/** A `+`, a country code that begins with no 0, at most 15 digits in all (ITU-T E.164). */
const shape = /^\+[1-9]\d{6,14}$/

/**
 * A phone number as it is written to and compared: `+491701234567`. Undefined where the value is none. A number
 * without a country code needs `country` (ISO 3166, two letters); else it must be international.
 */
export function e164(value: unknown, country?: string): string | undefined {
  if (typeof value !== 'string') return undefined
  // Most are stored as they should be: a parse takes some 20 µs.
  if (shape.test(value)) return value
  if (value.length > 40) return undefined
  const parsed = parsePhoneNumberFromString(value, {
    extract: false,
    ...(isCountry(country) ? { defaultCountry: country } : {}),
  })
  return parsed?.isPossible() === true ? parsed.number : undefined
}

export function isCountry(value: unknown): value is CountryCode {
  return typeof value === 'string' && isSupportedCountry(value)
}
