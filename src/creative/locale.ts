import { canonicalLocale } from '#contracts/locale.ts'

/** Where nothing says otherwise, words are English. */
export const plainLocale = 'en'

/** What words there are: those of the definition itself, and others by their locale. */
export interface Words {
  own: string
  others: readonly string[]
}

/** Which words a customer reads, and how numbers and dates are written in them. */
export interface Chosen {
  locale: string
  /** The customer's own where it is of the same language: dates in British and American English differ. */
  formats: string
}

/**
 * The customer's locale and what it falls back to (pt-BR → pt), then any words of that language, then the
 * workspace's locale the same way, then the definition's own.
 */
export function chooseLocale(
  { own, others }: Words,
  customer: string | undefined,
  workspace: string,
): Chosen {
  const wanted = customer === undefined ? null : canonical(customer)
  const tags = [own, ...others]
  const locale = (wanted === null ? undefined : closest(tags, wanted)) ?? closest(tags, workspace) ?? own
  return { locale, formats: wanted !== null && isSameLanguage(wanted, locale) ? wanted : locale }
}

function closest([own, ...others]: readonly string[], wanted: string): string | undefined {
  const chain = localeChain(wanted)
  const tags = [own!, ...others]
  for (const tag of chain) if (tags.includes(tag)) return tag
  if (isSameLanguage(own!, wanted)) return own
  return others.toSorted().find((tag) => isSameLanguage(tag, wanted))
}

/**
 * Parents that are not what is left when the region is taken away.
 * https://github.com/unicode-org/cldr/blob/main/common/supplemental/supplementalData.xml (parentLocales)
 */
const parents: readonly { parent: string; regions: ReadonlySet<string> }[] = [
  {
    parent: 'es-419',
    regions: new Set('AR BO BR BZ CL CO CR CU DO EC GT HN MX NI PA PE PR PY SV US UY VE'.split(' ')),
  },
  { parent: 'pt-PT', regions: new Set('AO CH CV FR GQ GW LU MO MZ ST TL'.split(' ')) },
]

/**
 * A locale and what stands in for it, the nearest first: zh-TW → zh-Hant-TW → zh-Hant, and never zh, which is
 * written otherwise.
 */
export function localeChain(tag: string): string[] {
  const known = chains.get(tag)
  if (known !== undefined) return known
  const { language, script, region } = new Intl.Locale(tag).maximize()
  const byRegion = `${language}-${region}`
  const parent = parents.find((own) => own.parent.startsWith(`${language}-`) && own.regions.has(region ?? ''))
  const chain = [
    tag,
    `${language}-${script}-${region}`,
    ...(scriptOf(byRegion) === script ? [byRegion] : []),
    ...(parent === undefined ? [] : [parent.parent]),
    `${language}-${script}`,
    ...(scriptOf(language) === script ? [language] : []),
  ]
  const own = [...new Set(chain)]
  if (chains.size >= rememberedMax) chains.clear()
  chains.set(tag, own)
  return own
}

export function directionOf(tag: string): 'ltr' | 'rtl' {
  return rightToLeft.has(scriptOf(tag)) ? 'rtl' : 'ltr'
}

/** Of the scripts that people write today. https://www.unicode.org/reports/tr9/ */
const rightToLeft: ReadonlySet<string> = new Set([
  'Adlm',
  'Arab',
  'Aran',
  'Hebr',
  'Mand',
  'Nkoo',
  'Rohg',
  'Samr',
  'Syrc',
  'Thaa',
])

/** What a locale's likely script is takes 3 µs to find out. Tags come from customers too, so maps are bounded. */
const rememberedMax = 512
const canonicals = new Map<string, string | null>()
const chains = new Map<string, string[]>()
const languages = new Map<string, { language: string; script: string }>()

function canonical(tag: string): string | null {
  let own = canonicals.get(tag)
  if (own === undefined) {
    own = canonicalLocale(tag)
    if (canonicals.size >= rememberedMax) canonicals.clear()
    canonicals.set(tag, own)
  }
  return own
}

function scriptOf(tag: string): string {
  return likely(tag).script
}

function isSameLanguage(a: string, b: string): boolean {
  return likely(a).language === likely(b).language && likely(a).script === likely(b).script
}

function likely(tag: string): { language: string; script: string } {
  let own = languages.get(tag)
  if (own === undefined) {
    const { language, script = '' } = new Intl.Locale(tag).maximize()
    own = { language, script }
    if (languages.size >= rememberedMax) languages.clear()
    languages.set(tag, own)
  }
  return own
}
