/** One thing that was looked at. `fault`: mail suffers from it; `warning`: it should be looked at. */
export interface Finding {
  level: 'ok' | 'warning' | 'fault'
  /** `SPF of shop.example` */
  about: string
  /** In plain words, with what to do where there is something to do. */
  detail: string
}

/** Texts of a name's TXT records, each joined; empty where it has none. Rejects where nobody could be asked. */
export type ResolveTxt = (name: string) => Promise<string[]>

export const finding = (level: Finding['level'], about: string, detail: string): Finding => ({
  level,
  about,
  detail,
})

/** `k=v; k=v` as DKIM and DMARC have it; the first of a name counts. */
export function tagsOf(record: string): Map<string, string> {
  const tags = new Map<string, string>()
  for (const part of record.split(';')) {
    const equals = part.indexOf('=')
    const name = part.slice(0, equals).trim().toLowerCase()
    if (equals > 0 && !tags.has(name)) tags.set(name, part.slice(equals + 1).trim())
  }
  return tags
}
