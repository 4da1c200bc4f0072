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

const tagName = /<\/?([a-z][^\s/>]*)/iy

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
      tagName.lastIndex = open
      const name = tagName.exec(html)
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

/**
 * One step of the walk: behind white space and slashes the tag's end (1), or an attribute's name (2) and its value
 * in double (3), single (5) or no quotes (7); a quote that is never closed goes to the end of the text (4, 6).
 */
const attributeStep = /[\s/]*(?:(>)|([^\s/>][^\s/>=]*)(?:\s*=\s*(?:"([^"]*)("|$)|'([^']*)('|$)|([^\s>]*)))?)/y

/** Walks a tag's attributes from behind its name to behind its `>`. The first `href` counts. */
function scanAttributes(html: string, from: number): { end: number; href: AttributeSpan | null } {
  attributeStep.lastIndex = from
  let href: AttributeSpan | null = null
  for (;;) {
    const step = attributeStep.exec(html)
    if (step === null) return { end: html.length, href: null }
    if (step[1] !== undefined) return { end: attributeStep.lastIndex, href }
    if (href !== null || step[2]!.length !== 4 || step[2]!.toLowerCase() !== 'href') continue
    const value = step[3] ?? step[5] ?? step[7]
    if (value === undefined) continue
    const outerEnd = attributeStep.lastIndex
    const end = outerEnd - (step[4] ?? step[6] ?? '').length
    const start = end - value.length
    href = { start, end, outerStart: step[7] === undefined ? start - 1 : start, outerEnd }
  }
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
