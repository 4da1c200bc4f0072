import { type Finding, finding, type ResolveTxt } from './finding.ts'

/** RFC 7208, section 4.6.4: more look-ups than these and receivers take the record for broken. */
const lookupsMax = 10
const depthMax = 10

/** Whether the domain says who may send for it, in a way that receivers can follow. */
export async function checkSpf(domain: string, resolve: ResolveTxt): Promise<Finding> {
  const about = `SPF of ${domain}`
  const found = await spfOf(domain, resolve)
  const [record] = found
  if (record === undefined)
    return finding(
      'fault',
      about,
      'no TXT record begins with v=spf1: publish one that names your mail servers',
    )
  if (found.length > 1)
    return finding(
      'fault',
      about,
      `${found.length} records begin with v=spf1: receivers take none, leave one`,
    )
  const lookups = await countLookups(record, resolve, depthMax)
  if (lookups === null)
    return finding(
      'fault',
      about,
      'it includes a domain that has no SPF record: receivers take it for broken',
    )
  if (lookups > lookupsMax)
    return finding(
      'fault',
      about,
      `it needs ${lookups} look-ups, receivers make ${lookupsMax}: leave includes out`,
    )
  const all = /(?:^|\s)([+?~-]?)all(?:\s|$)/i.exec(record)?.[1]
  if (all === '' || all === '+')
    return finding('fault', about, `everybody may send for it: end it with ~all or -all instead of +all`)
  const redirects = /(?:^|\s)redirect=/i.test(record)
  if ((all === undefined && !redirects) || all === '?')
    return finding('warning', about, `it forbids nobody: end it with ~all or -all (${record})`)
  return finding('ok', about, record)
}

async function spfOf(domain: string, resolve: ResolveTxt): Promise<string[]> {
  return (await resolve(domain)).filter((text) => /^v=spf1(\s|$)/i.test(text))
}

/** Look-ups that a receiver needs, those of included records among them; null where one is broken. */
async function countLookups(record: string, resolve: ResolveTxt, depth: number): Promise<number | null> {
  let lookups = 0
  for (const term of record.split(/\s+/).slice(1)) {
    const match = /^[+?~-]?(include|redirect|a|mx|ptr|exists)(?:[:=]([^\s/]+))?/i.exec(term)
    if (match === null) continue
    const [whole, name = '', target] = match
    if (/^(a|mx|ptr)$/i.test(name) && term.length > whole.length && !'/'.includes(term[whole.length]!))
      continue
    lookups += 1
    if (!/^(include|redirect)$/i.test(name)) continue
    if (target === undefined || depth === 0) return null
    // A macro depends on who sends.
    if (target.includes('%')) continue
    const [inner, ...more] = await spfOf(target, resolve)
    if (inner === undefined || more.length > 0) return null
    const nested = await countLookups(inner, resolve, depth - 1)
    if (nested === null) return null
    lookups += nested
    if (lookups > 1000) return lookups
  }
  return lookups
}
