/**
 * The helpers a template may call, besides the blocks `if`, `unless`, `each` and `with`. Each takes plain
 * JSON values and returns a string; a value it cannot format throws, which stops the message with a reason.
 */
export const formatHelpers = {
  /** `{{default customer.firstName "friend"}}`: the first argument that has a value. */
  default: {
    argumentsMin: 2,
    argumentsMax: 5,
    format: (values: unknown[]) => String(values.find(hasValue) ?? ''),
  },
  upper: { argumentsMin: 1, argumentsMax: 1, format: ([value]: unknown[]) => String(value).toUpperCase() },
  lower: { argumentsMin: 1, argumentsMax: 1, format: ([value]: unknown[]) => String(value).toLowerCase() },
  /** `{{money item.price item.currency}}`: units, not micros; as the message's locale writes it, or `locale="de"`. */
  money: { argumentsMin: 2, argumentsMax: 2, format: formatMoney },
  /** `{{date event.properties.startsAt "long" zone="Europe/Berlin"}}`: ISO 8601 text or milliseconds. */
  date: { argumentsMin: 1, argumentsMax: 2, format: formatDate },
} as const

export type FormatHelperName = keyof typeof formatHelpers
export type HelperOptions = Record<string, unknown>

export function isFormatHelper(name: string): name is FormatHelperName {
  return Object.hasOwn(formatHelpers, name)
}

/** True for what prints as something: not undefined, null, blank text, an object or a list. */
export function hasValue(value: unknown): value is string | number | boolean {
  if (typeof value === 'string') return beginsWithInk(value) || value.trim() !== ''
  return typeof value === 'number' || typeof value === 'boolean'
}

/** Of ASCII, as mostly: then nothing need be trimmed. */
function beginsWithInk(text: string): boolean {
  const first = text.charCodeAt(0)
  return first > 0x20 && first < 0x7f
}

const dateStyles = ['short', 'medium', 'long', 'full'] as const

function formatMoney([value, currency]: unknown[], options: HelperOptions = {}, locale?: unknown): string {
  const amount = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof amount !== 'number' || !Number.isFinite(amount))
    throw new Error('money: the amount is not a number')
  return numberFormat(localeOf(options, locale), String(currency)).format(amount)
}

function formatDate([value, style]: unknown[], options: HelperOptions = {}, locale?: unknown): string {
  const instant = typeof value === 'number' ? value : Date.parse(String(value))
  if (!Number.isFinite(instant)) throw new Error('date: the value is neither ISO 8601 nor milliseconds')
  const dateStyle = dateStyles.find((known) => known === style) ?? 'long'
  const zone = hasValue(options.zone) ? String(options.zone) : 'UTC'
  return dateFormat(localeOf(options, locale), dateStyle, zone).format(instant)
}

/** A customer's locale comes from outside: what Intl does not know falls back to English. */
function localeOf(options: HelperOptions, ofMessage: unknown): string {
  const given = hasValue(options.locale) ? options.locale : ofMessage
  const locale = hasValue(given) ? String(given).replaceAll('_', '-') : 'en'
  return Intl.DateTimeFormat.supportedLocalesOf(isLocaleTag(locale) ? [locale] : []).length > 0
    ? locale
    : 'en'
}

function isLocaleTag(tag: string): boolean {
  return /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$/.test(tag)
}

/** Making a formatter costs some 20 µs, using one 1 µs. Keys come from customers too, so the map is bounded. */
const formattersMax = 256
const numberFormats = new Map<string, Intl.NumberFormat>()
const dateFormats = new Map<string, Intl.DateTimeFormat>()

function numberFormat(locale: string, currency: string): Intl.NumberFormat {
  return remembered(
    numberFormats,
    `${locale} ${currency}`,
    () => new Intl.NumberFormat(locale, { style: 'currency', currency }),
  )
}

function dateFormat(
  locale: string,
  dateStyle: (typeof dateStyles)[number],
  timeZone: string,
): Intl.DateTimeFormat {
  return remembered(
    dateFormats,
    `${locale} ${dateStyle} ${timeZone}`,
    () => new Intl.DateTimeFormat(locale, { dateStyle, timeZone }),
  )
}

function remembered<T>(formats: Map<string, T>, key: string, make: () => T): T {
  const known = formats.get(key)
  if (known !== undefined) return known
  const made = make()
  if (formats.size >= formattersMax) formats.clear()
  formats.set(key, made)
  return made
}
