import { z } from 'zod'

/** A language, and perhaps a script and a region, as BCP 47 writes them: `pt`, `pt-BR`, `zh-Hant`. */
export const localeSchema = z
  .string()
  .refine((tag) => canonicalLocale(tag) === tag && isKnown(tag), 'a language as in pt, pt-BR or zh-Hant')

/** The tag as BCP 47 writes it, of what clients send for one (`pt_br`), without extensions; null: it is none. */
export function canonicalLocale(tag: string): string | null {
  try {
    return new Intl.Locale(tag.replaceAll('_', '-')).baseName
  } catch {
    return null
  }
}

function isKnown(tag: string): boolean {
  return Intl.DateTimeFormat.supportedLocalesOf([tag]).length > 0
}
