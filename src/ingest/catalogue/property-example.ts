import type { JsonValue } from '#contracts/json.ts'

export type PropertyType = 'string' | 'number' | 'boolean' | 'object' | 'array' | 'null'

export function propertyTypeOf(value: JsonValue): PropertyType {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return typeof value as PropertyType
}

/**
 * A value that shows what a property is like and tells nothing of a person, or ''. Where in doubt there is
 * none: no value of a key that names a person's things or free text, no text that is long or has an @, a
 * link, five digits on end or the look of a full name, no number of seven digits (phones, ids).
 */
export function exampleOf(property: string, value: JsonValue): string {
  const words = property
    .replace(/(\p{Ll}|\d)(\p{Lu})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}]+/u)
  if (words.some((word) => personalWords.has(word) || personalWords.has(word.replace(/s$/, '')))) return ''
  if (typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return Math.abs(value) < 1_000_000 ? String(value) : ''
  if (typeof value !== 'string' || value.length > textCharsMax) return ''
  return /@|:\/\/|\d{5}|^\p{Lu}\p{L}+(?:[ .-]+\p{Lu}\p{L}*)+$/u.test(value) ? '' : value
}

const textCharsMax = 40

const personalWords = new Set(
  `mail email phone mobile tel telephone fax name firstname lastname fullname username surname nickname title
  address street city town village postcode postal zip zipcode region state country birth birthday birthdate dob
  age gender sex ip ipv latitude longitude lat lng lon location geo geoip password passwd secret token auth
  session cookie ssn iban bic card account passport license licence tax user customer person contact recipient
  sender author visitor device anonymous distinct uuid guid fingerprint message comment note text body content
  description subject query search term url uri href link path referrer referer agent photo picture avatar
  salary income diagnosis health religion`.split(/\s+/),
)
