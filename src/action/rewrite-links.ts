/**
 * Replaces the addresses of links (`<a href>`, `<area href>`) in rendered html. `rewrite` gets each http(s)
 * address, decoded, and gives the new one or null to leave it. Addresses that a reader would run
 * (`javascript:` and the like, which a customer value may have brought in) become `#`.
 *
 * A scanner over tags and attributes by the rules of the HTML standard's tokenizer, not a regular
 * expression over the text: comments, scripts, styles, quoted `>` and unquoted values are told apart, and
 * everything that is not such an address is passed through byte for byte.
 */
export function rewriteLinks(html: string, rewrite: (url: string) => string | null): string {
  let output = ''
  let copied = 0
  for (const href of linkAddresses(html)) {
    const url = decodeAddress(html.slice(href.start, href.end))
    const replaced = replacementOf(url, rewrite)
    if (replaced === null) continue
    output += `${html.slice(copied, href.outerStart)}"${escapeAttribute(replaced)}"`
    copied = href.outerEnd
  }
  return output + html.slice(copied)
}

interface AttributeSpan {
  /** The value without its quotes. */
  start: number
  end: number
  /** The value with its quotes. */
  outerStart: number
  outerEnd: number
}

function replacementOf(url: string, rewrite: (url: string) => string | null): string | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: browsers ignore them inside a scheme
  const compact = url.replace(/[\u0000-\u0020]+/g, '').toLowerCase()
  if (/^(javascript|vbscript|data):/.test(compact)) return '#'
  return /^https?:\/\//.test(compact) ? rewrite(url.trim()) : null
}

const rawTextElements = new Set(['script', 'style', 'textarea', 'title', 'xmp', 'noscript'])

function* linkAddresses(html: string): Generator<AttributeSpan> {
  let at = 0
  while (at < html.length) {
    const open = html.indexOf('<', at)
    if (open < 0) return
    if (html.startsWith('<!--', open)) {
      at = endOf(html, '-->', open + 4)
    } else if (/[!?]/.test(html[open + 1] ?? '')) {
      at = endOf(html, '>', open + 2)
    } else {
      const name = /^<\/?([a-z][^\s/>]*)/i.exec(html.slice(open, open + 64))
      if (name === null) {
        at = open + 1
        continue
      }
      const tag = name[1]!.toLowerCase()
      const isStart = html[open + 1] !== '/'
      const attributes = scanAttributes(html, open + name[0].length)
      if (isStart && (tag === 'a' || tag === 'area') && attributes.href) yield attributes.href
      at = isStart && rawTextElements.has(tag) ? endOfRawText(html, tag, attributes.end) : attributes.end
    }
  }
}

/** Walks a tag's attributes from behind its name to behind its `>`. The first `href` counts. */
function scanAttributes(html: string, from: number): { end: number; href: AttributeSpan | null } {
  let at = from
  let href: AttributeSpan | null = null
  while (at < html.length) {
    at = skip(html, at, /[\s/]/)
    if (html[at] === '>') return { end: at + 1, href }
    const nameStart = at
    at = skip(html, at + 1, /[^\s/>=]/)
    const name = html.slice(nameStart, at).toLowerCase()
    const afterName = skip(html, at, /\s/)
    if (html[afterName] !== '=') continue
    const value = attributeValue(html, skip(html, afterName + 1, /\s/))
    if (name === 'href' && href === null) href = value
    at = value.outerEnd
  }
  return { end: html.length, href: null }
}

function attributeValue(html: string, at: number): AttributeSpan {
  const quote = html[at]
  if (quote === '"' || quote === "'") {
    const close = html.indexOf(quote, at + 1)
    const end = close < 0 ? html.length : close
    return { start: at + 1, end, outerStart: at, outerEnd: Math.min(end + 1, html.length) }
  }
  const end = skip(html, at, /[^\s>]/)
  return { start: at, end, outerStart: at, outerEnd: end }
}

function skip(html: string, from: number, while_: RegExp): number {
  let at = from
  while (at < html.length && while_.test(html[at]!)) at++
  return at
}

function endOf(html: string, mark: string, from: number): number {
  const found = html.indexOf(mark, from)
  return found < 0 ? html.length : found + mark.length
}

function endOfRawText(html: string, tag: string, from: number): number {
  const closing = new RegExp(`</${tag}[\\s/>]`, 'gi')
  closing.lastIndex = from
  return closing.exec(html)?.index ?? html.length
}

const namedEntities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** The entities that our own escaping and people write in addresses; any other stays as it is. */
function decodeAddress(value: string): string {
  return value.replace(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos));/gi,
    (whole, decimal, hex, name) => {
      if (name !== undefined) return namedEntities[String(name).toLowerCase()]!
      const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole
    },
  )
}

function escapeAttribute(value: string): string {
  return value
    .replaceAll('&', '&amp;')
    .replaceAll('"', '&quot;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
}
