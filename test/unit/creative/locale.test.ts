import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileTemplate } from '../../../src/creative/compile-template.ts'
import { templateContext } from '../../../src/creative/context.ts'
import { type Chosen, chooseLocale, directionOf, localeChain } from '../../../src/creative/locale.ts'
import { render } from '../../../src/creative/render.ts'
import { offerIn, wordsFor } from '../../../src/creative/words.ts'
import { compiled, template } from './support.ts'

describe('what a locale falls back to', () => {
  /** RFC 4647's look-up where the script stays the same; else what CLDR's parentLocales says. */
  test.each([
    ['pt-BR', ['pt-BR', 'pt-Latn-BR', 'pt-Latn', 'pt']],
    ['pt-AO', ['pt-AO', 'pt-Latn-AO', 'pt-PT', 'pt-Latn', 'pt']],
    ['es-MX', ['es-MX', 'es-Latn-MX', 'es-419', 'es-Latn', 'es']],
    ['es-ES', ['es-ES', 'es-Latn-ES', 'es-Latn', 'es']],
    ['zh-TW', ['zh-TW', 'zh-Hant-TW', 'zh-Hant']],
    ['zh-HK', ['zh-HK', 'zh-Hant-HK', 'zh-Hant']],
    ['zh-CN', ['zh-CN', 'zh-Hans-CN', 'zh-Hans', 'zh']],
    ['sr-Latn-RS', ['sr-Latn-RS', 'sr-Latn']],
    ['de', ['de', 'de-Latn-DE', 'de-DE', 'de-Latn']],
  ])('%s', (tag, chain) => {
    expect(localeChain(tag)).toEqual(chain)
  })

  test.each([
    [['en', 'pt', 'pt-BR'], 'pt-BR', 'pt-BR pt-BR'],
    [['en', 'pt'], 'pt_br', 'pt pt-BR'],
    [['en', 'pt-PT', 'pt-BR'], 'pt', 'pt-BR pt'],
    [['en', 'zh'], 'zh-TW', 'en en'],
    [['en', 'zh-Hant'], 'zh-TW', 'zh-Hant zh-TW'],
    [['en', 'de'], 'en-GB', 'en en-GB'],
    [['de', 'en-GB'], 'en-AU', 'en-GB en-AU'],
    [['en', 'de'], 'fr-FR', 'en en'],
    [['en', 'de'], 'not a locale', 'en en'],
    [['en', 'de'], undefined, 'en en'],
  ])('of %j a customer with %s reads %s', ([own, ...others], customer, expected) => {
    const chosen = chooseLocale({ own: own!, others }, customer, 'en')
    expect(`${chosen.locale} ${chosen.formats}`).toBe(expected)
  })

  test('where there are no words of the customer’s language the workspace’s come before the definition’s own', () => {
    const words = { own: 'de', others: ['fr', 'nl'] }
    expect(chooseLocale(words, 'ja', 'fr-CA')).toEqual({ locale: 'fr', formats: 'fr' })
    expect(chooseLocale(words, 'ja', 'en')).toEqual({ locale: 'de', formats: 'de' })
  })

  const tags = [
    'en',
    'en-GB',
    'pt',
    'pt-BR',
    'pt-PT',
    'zh',
    'zh-Hant',
    'zh-TW',
    'sr',
    'sr-Latn',
    'ar',
    'es-419',
    'es',
  ]
  test('what is chosen is always there; more words never take exact ones away; case and underscores do not matter', () => {
    const customer = fc.constantFrom(...tags, 'fr', 'en-AU', 'es-MX', 'ar-EG', 'sr-Latn-RS')
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.constantFrom(...tags), { minLength: 1 }),
        customer,
        fc.constantFrom(...tags),
        fc.constantFrom(...tags),
        ([own, ...others], wanted, workspace, more) => {
          const words = { own: own!, others }
          const chosen = chooseLocale(words, wanted, workspace)
          expect([own, ...others]).toContain(chosen.locale)
          expect(chooseLocale(words, wanted.replace('-', '_').toLowerCase(), workspace)).toEqual(chosen)
          const withMore = chooseLocale({ own: own!, others: [...others, more] }, wanted, workspace)
          const depth = ({ locale }: Chosen) => {
            const at = localeChain(wanted).indexOf(locale)
            return at < 0 ? Number.POSITIVE_INFINITY : at
          }
          expect(depth(withMore)).toBeLessThanOrEqual(depth(chosen))
          if (chosen.locale === wanted) expect(withMore.locale).toBe(wanted)
        },
      ),
    )
  })
})

test('which way a script runs', () => {
  const rightToLeft = ['ar', 'ar-EG', 'he', 'fa', 'ur', 'ks', 'yi', 'dv', 'pa-PK', 'uz-Arab', 'ug']
  expect(rightToLeft.filter((tag) => directionOf(tag) !== 'rtl')).toEqual([])
  expect(['en', 'pa', 'uz', 'ja', 'hi', 'az'].filter((tag) => directionOf(tag) !== 'ltr')).toEqual([])
})

const shop = template({
  subject: 'Hello {{customer.name}}',
  html: '<p>{{offer.name}}: {{money item.price item.currency}} until {{date event.properties.until}}</p>',
  text: 'Hi',
  locale: 'en',
  locales: {
    de: {
      subject: 'Hallo {{customer.name}}',
      html: '<p>{{offer.name}}: {{money item.price item.currency}} bis {{date event.properties.until}}</p>',
      text: 'Hallo',
    },
    'de-AT': { subject: 'Servus {{customer.name}}' },
    ar: {
      subject: 'مرحبا {{customer.name}}',
      html: '<html><body>{{money item.price item.currency}}، {{date event.properties.until}}</body></html>',
      text: 'مرحبا',
    },
  },
})
const offer = {
  id: 'tea',
  name: 'Tea',
  value: 1,
  available: true,
  facts: { strong: 'yes' },
  locales: { de: { name: 'Tee' } },
}
const item = {
  id: '1',
  name: 'Tea',
  priceMicros: 1_234_500_000,
  currency: 'EUR',
  stock: null,
  imageUrl: '',
  link: '',
  categories: [],
  validFrom: 0,
  validUntil: null,
  rank: 0,
  attributes: {},
}

function written(locale: string | undefined): string {
  const result = compileTemplate(shop)
  if (result.kind === 'faults') throw new Error(result.faults.join('\n'))
  const words = wordsFor(result.template, { locale })
  const context = templateContext({
    customerId: 'c1',
    traits: { name: 'Ada' },
    trigger: { event: { name: 'x', properties: { until: '2026-03-11T00:00:00Z' } } },
    offer,
    unsubscribeUrl: '',
    item,
    words,
  })
  const rendered = render(words.template, context)
  if (rendered.kind === 'fault') throw new Error(rendered.fault.detail)
  return `${rendered.content.subject} | ${rendered.content.html.replaceAll('\u00a0', ' ')}`
}

/** Numbers and dates as CLDR 46 to 48 have them: https://github.com/unicode-org/cldr-json */
test.each([
  ['en', 'Hello Ada | <div lang="en" dir="ltr"><p>Tea: €1,234.50 until March 11, 2026</p></div>'],
  ['en-GB', 'Hello Ada | <div lang="en" dir="ltr"><p>Tea: €1,234.50 until 11 March 2026</p></div>'],
  ['de-DE', 'Hallo Ada | <div lang="de" dir="ltr"><p>Tee: 1.234,50 € bis 11. März 2026</p></div>'],
  ['de-AT', 'Servus Ada | <div lang="de-AT" dir="ltr"><p>Tee: € 1.234,50 bis 11. März 2026</p></div>'],
  ['ar-EG', 'مرحبا Ada | <html lang="ar" dir="rtl"><body>\u200f١٬٢٣٤٫٥٠ €، ١١ مارس ٢٠٢٦</body></html>'],
  ['ja', 'Hello Ada | <div lang="en" dir="ltr"><p>Tea: €1,234.50 until March 11, 2026</p></div>'],
])('%s reads its own words, numbers and dates', (locale, expected) => {
  expect(written(locale)).toBe(expected)
})

test('words of a language must be whole, and their faults are named', () => {
  const faultsOf = (locales: object) => {
    const result = compileTemplate(template({ html: '<p>x</p>', locales: locales as never }))
    return result.kind === 'faults' ? result.faults : []
  }
  expect(faultsOf({ de: { subject: 'Hallo', text: 'Hallo' } })).toEqual([
    'locales.de: html is missing; the message would be in two languages',
  ])
  expect(faultsOf({ de: { subject: '{{#if}}', html: 'a', text: 'b' } })[0]).toMatch(/^locales\.de\.subject: /)
  expect(faultsOf({ de: { subject: 'a', html: 'a', text: 'b' }, 'de-AT': { subject: 'c' } })).toEqual([])
})

test('a template without locales says nothing of a language, and is English where nobody says otherwise', () => {
  const plain = compiled({ html: '<p>{{date event.properties.at}}</p>', text: '' })
  const words = wordsFor(plain, { locale: 'de' })
  const trigger = { event: { name: 'x', properties: { at: '2026-03-11' } } }
  const context = templateContext({ customerId: 'c', traits: {}, trigger, offer, unsubscribeUrl: '', words })
  expect(render(words.template, context)).toMatchObject({ content: { html: '<p>March 11, 2026</p>' } })
  const german = wordsFor(plain, { locale: 'de', workspaceLocale: 'de' })
  expect(german).toMatchObject({ locale: 'de', formats: 'de' })
})

test('an offer is called what the words call it, and keeps what is the same everywhere', () => {
  expect(offerIn(offer, 'de-AT', 'en')).toMatchObject({ name: 'Tee', facts: { strong: 'yes' } })
  expect(offerIn(offer, 'fr', 'en')).toBe(offerIn(offer, 'en', undefined))
})
