/** Names and values that a site's analytics read from the address, without `utm_`. */
export type UtmParameters = Readonly<Record<string, string>>

/**
 * Adds the parameters to an address of the web. What the template has written itself stays as it is, and so
 * does everything else, byte for byte: a signed address must not be spelled anew.
 */
export function withUtm(url: string, parameters: UtmParameters): string {
  if (!/^https?:\/\//i.test(url)) return url
  const hash = url.indexOf('#')
  const base = hash < 0 ? url : url.slice(0, hash)
  const fragment = hash < 0 ? '' : url.slice(hash)
  const query = base.indexOf('?')
  const known = new URLSearchParams(query < 0 ? '' : base.slice(query + 1))
  const added = Object.entries(parameters)
    .filter(([name, value]) => value !== '' && !known.has(`utm_${name}`))
    .map(([name, value]) => `utm_${name}=${encodeURIComponent(value)}`)
  if (added.length === 0) return url
  const joint = query < 0 ? '?' : query === base.length - 1 || base.endsWith('&') ? '' : '&'
  return `${base}${joint}${added.join('&')}${fragment}`
}
