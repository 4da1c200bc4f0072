import type { Offer, Template } from '#contracts/campaign.ts'
import type { CompiledTemplate } from './compile-template.ts'
import { type Chosen, chooseLocale, plainLocale } from './locale.ts'

/** Whom words are for. */
export interface Reader {
  /** The customer's locale, as clients send it. */
  locale?: string | undefined
  /** The workspace's, where it has one. */
  workspaceLocale?: string | undefined
}

export interface ReadersWords extends Chosen {
  template: CompiledTemplate
}

/** The template in the words that this reader gets. */
export function wordsFor(template: CompiledTemplate, reader: Reader): ReadersWords {
  const chosen = localeOfTemplate(template, reader)
  return { ...chosen, template: template.locales?.get(chosen.locale) ?? template }
}

type Named = Pick<Template, 'locale'> & { locales?: { keys(): Iterable<string> } | object | null | undefined }

/** The locale of those words, of a definition or of what was compiled. */
export function localeOfTemplate(
  { locale, locales }: Named,
  { locale: customer, workspaceLocale }: Reader,
): Chosen {
  const workspace = workspaceLocale ?? plainLocale
  return chooseLocale({ own: locale ?? workspace, others: tagsOf(locales) }, customer, workspace)
}

/** Definitions are immutable: their tags are listed once. */
const tags = new WeakMap<object, readonly string[]>()
const noTags: readonly string[] = []

function tagsOf(locales: Named['locales']): readonly string[] {
  if (locales === undefined || locales === null) return noTags
  let own = tags.get(locales)
  if (own === undefined) {
    own = locales instanceof Map ? [...locales.keys()] : Object.keys(locales)
    tags.set(locales, own)
  }
  return own
}

/** An offer in the words of a locale: those that it has for it, its own for the rest. */
export function offerIn(offer: Offer, locale: string, workspaceLocale: string | undefined): Offer {
  if (offer.locales === undefined) return offer
  const workspace = workspaceLocale ?? plainLocale
  const chosen = chooseLocale({ own: workspace, others: tagsOf(offer.locales) }, locale, workspace)
  const known = offersIn.get(offer) ?? new Map<string, Offer>()
  offersIn.set(offer, known)
  let own = known.get(chosen.locale)
  if (own === undefined) {
    const { name = offer.name, facts = {} } = offer.locales[chosen.locale] ?? {}
    own = { ...offer, name, facts: { ...offer.facts, ...facts } }
    known.set(chosen.locale, own)
  }
  return own
}

const offersIn = new WeakMap<Offer, Map<string, Offer>>()
