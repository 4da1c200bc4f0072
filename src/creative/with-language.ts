/**
 * Says in the html which language it is in and which way it runs: screen readers and mail programs go by it. A page
 * gets it on its root, unless that says so itself; a piece of one is put into an element that says it.
 */
export function withLanguage(html: string, { locale, dir }: { locale: string; dir: string }): string {
  const root = /<html\b[^>]*>/i.exec(html)
  if (root === null) return `<div lang="${locale}" dir="${dir}">${html}</div>`
  const [tag] = root
  const said = [
    ...(/\slang\s*=/i.test(tag) ? [] : [`lang="${locale}"`]),
    ...(/\sdir\s*=/i.test(tag) ? [] : [`dir="${dir}"`]),
  ]
  if (said.length === 0) return html
  const end = root.index + '<html'.length
  return `${html.slice(0, end)} ${said.join(' ')}${html.slice(end)}`
}
