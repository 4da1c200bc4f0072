import type { JsonObject, JsonValue } from '#contracts/json.ts'
import type { Profile } from '#contracts/profile.ts'
import { localMoment } from '#platform/clock/local-time.ts'

/**
 * The zone that a customer's quiet hours, local days and hours go by: their own; else that of the place where they
 * live, by the traits `country` and `region` (or `state`), or Segment's `address.country` and `address.state`;
 * else `fallback`, the workspace's.
 */
export function customerZone({ zone, traits }: Pick<Profile, 'zone' | 'traits'>, fallback: string): string {
  return zone ?? zoneOfTraits(traits) ?? fallback
}

/**
 * A country is an ISO 3166-1 code or its English name, a region the last part of its ISO 3166-2 code (`CA`,
 * `US-CA`). Null where that leaves zones with different clocks: a guess would send at night.
 */
export function zoneOfPlace(country: string, region: string): string | null {
  const key = `${country}\u0000${region}`
  const known = answers.get(key)
  if (known !== undefined) return known
  const code = countryCode(country.trim())
  const zone = code === null ? null : (zoneOfRegion(code, region) ?? zoneOfCountry(code))
  if (answers.size >= answersMax) answers.clear()
  answers.set(key, zone)
  return zone
}

/** Clients choose the texts. */
const answersMax = 2000
const answers = new Map<string, string | null>()

function zoneOfTraits(traits: JsonObject): string | null {
  const address = isObject(traits.address) ? traits.address : {}
  const country = textOf(traits.country) ?? textOf(address.country)
  if (country === null) return null
  return zoneOfPlace(country, textOf(traits.region) ?? textOf(traits.state) ?? textOf(address.state) ?? '')
}

function zoneOfRegion(code: string, region: string): string | null {
  const zones = zonesByRegion[code]
  if (zones === undefined) return null
  const own = region.trim().toUpperCase().replace(`${code}-`, '')
  if (!/^[A-Z]{2,3}$/.test(own)) return null
  return Object.keys(zones).find((zone) => zones[zone]?.split(' ').includes(own)) ?? null
}

/** Of several zones that show the same all year, the first. */
function zoneOfCountry(code: string): string | null {
  const zones = (new Intl.Locale(`und-${code}`) as RegionalLocale).getTimeZones?.() ?? []
  const clocks = new Set(zones.map(shown))
  return primaryZones[code] ?? (clocks.size === 1 ? (zones[0] ?? null) : null)
}

/** The proposal "Intl Locale Info", which Node 24 has and TypeScript's library does not. */
type RegionalLocale = Intl.Locale & { getTimeZones?: () => string[] }

function shown(zone: string): string {
  return instantsCompared.map((at) => localMoment(at, zone).minuteOfDay).join()
}
/** In the winter and the summer of either half of the globe. */
const instantsCompared = [Date.UTC(2026, 0, 15, 12), Date.UTC(2026, 6, 15, 12)]

function countryCode(country: string): string | null {
  if (/^[A-Za-z]{2}$/.test(country)) return country.toUpperCase()
  codes ??= codesByName()
  return codes.get(country.toLowerCase()) ?? null
}

let codes: Map<string, string> | null = null

/** Lower-case English names, as Unicode's CLDR has them. */
function codesByName(): Map<string, string> {
  const names = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' })
  const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ']
  const all = letters.flatMap((a) => letters.map((b) => a + b))
  return new Map(
    all.flatMap((code) => {
      const name = names.of(code)
      return name === undefined ? [] : [[name.toLowerCase(), code] as const]
    }),
  )
}

/** Nearly everybody lives in this one: `primaryZones` of the CLDR (`supplemental/primaryZones.json`). */
const primaryZones: Readonly<Record<string, string>> = {
  CL: 'America/Santiago',
  CN: 'Asia/Shanghai',
  DE: 'Europe/Berlin',
  EC: 'America/Guayaquil',
  ES: 'Europe/Madrid',
  MH: 'Pacific/Majuro',
  MY: 'Asia/Kuala_Lumpur',
  NZ: 'Pacific/Auckland',
  PT: 'Europe/Lisbon',
  UA: 'Europe/Kyiv',
  UZ: 'Asia/Tashkent',
}

/** By the comments of the tz database's `zone.tab`; a region with two clocks goes by that of most people. */
const zonesByRegion: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  AU: {
    'Australia/Adelaide': 'SA',
    'Australia/Brisbane': 'QLD',
    'Australia/Darwin': 'NT',
    'Australia/Hobart': 'TAS',
    'Australia/Melbourne': 'VIC',
    'Australia/Perth': 'WA',
    'Australia/Sydney': 'ACT NSW',
  },
  BR: {
    'America/Boa_Vista': 'RR',
    'America/Campo_Grande': 'MS',
    'America/Cuiaba': 'MT',
    'America/Manaus': 'AM',
    'America/Porto_Velho': 'RO',
    'America/Rio_Branco': 'AC',
    'America/Sao_Paulo': 'AL AP BA CE DF ES GO MA MG PA PB PE PI PR RJ RN RS SC SE SP TO',
  },
  CA: {
    'America/Edmonton': 'AB NT',
    'America/Halifax': 'NB NS PE',
    'America/Iqaluit': 'NU',
    'America/Regina': 'SK',
    'America/St_Johns': 'NL',
    'America/Toronto': 'ON QC',
    'America/Vancouver': 'BC',
    'America/Whitehorse': 'YT',
    'America/Winnipeg': 'MB',
  },
  MX: {
    'America/Cancun': 'ROO',
    'America/Hermosillo': 'SON',
    'America/Mazatlan': 'BCS NAY SIN',
    'America/Mexico_City':
      'AGU CAM CHH CHP CMX COA COL DUR GRO GUA HID JAL MEX MIC MOR NLE OAX PUE QUE SLP TAB TAM TLA VER YUC ZAC',
    'America/Tijuana': 'BCN',
  },
  US: {
    'America/Anchorage': 'AK',
    'America/Chicago': 'AL AR IA IL KS LA MN MO MS ND NE OK SD TN TX WI',
    'America/Denver': 'CO ID MT NM UT WY',
    'America/Los_Angeles': 'CA NV OR WA',
    'America/New_York': 'CT DC DE FL GA IN KY MA MD ME MI NC NH NJ NY OH PA RI SC VA VT WV',
    'America/Phoenix': 'AZ',
    'America/Puerto_Rico': 'PR VI',
    'Pacific/Guam': 'GU MP',
    'Pacific/Honolulu': 'HI',
  },
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textOf(value: JsonValue | undefined): string | null {
  return typeof value === 'string' && value !== '' && value.length <= placeCharsMax ? value : null
}
const placeCharsMax = 64
