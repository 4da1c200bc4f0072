import type { JsonObject, JsonValue } from '#contracts/json.ts'
import type { ContentFault, RenderedContent } from '#contracts/message.ts'
import {
  type CompiledData,
  type CompiledPart,
  type CompiledTemplate,
  RenderTooLarge,
  renderedBytesMax,
  templateParts,
} from './compile-template.ts'
import type { TemplateContext } from './context.ts'
import { hasValue } from './helpers.ts'
import { shortLists, withLists } from './item-lists.ts'
import { directionOf } from './locale.ts'
import { lookUp, printedValues } from './printed-values.ts'
import { withLanguage } from './with-language.ts'

export type RenderResult =
  | { kind: 'rendered'; content: RenderedContent }
  /** The message is not sent; `detail` says why. */
  | { kind: 'fault'; fault: ContentFault }

export interface RenderOptions {
  /** Runs over the finished html: link tracking. */
  htmlTransform?: (html: string) => string
  /** The same over the address that a tap opens. */
  urlTransform?: (url: string) => string
}

/**
 * Paths that this customer's rendering would print as nothing: without value (undefined, null, blank, or
 * an object, which has no text) and without default. Only branches that would be taken count.
 */
export function missingVariables(compiled: CompiledTemplate, context: TemplateContext): string[] {
  const filled = filledFor(compiled, context)
  const { missing } = printedValues(compiled.needed, filled)
  return compiled.items === null ? missing : [...missing, ...shortLists(compiled.items, filled)]
}

/**
 * Renders all parts for one customer. Values are escaped in html and plain in subject and text; line breaks
 * in the subject become spaces, so that no value can add a header. Never throws, whatever the values are.
 */
export function render(
  compiled: CompiledTemplate,
  context: TemplateContext,
  options: RenderOptions = {},
): RenderResult {
  const filled = filledFor(compiled, context)
  const refused = refuseBefore(compiled, filled)
  if (refused !== null) return { kind: 'fault', fault: refused }
  const content: RenderedContent = { subject: '', html: '', text: '', url: '', data: {} }
  try {
    for (const part of templateParts) content[part] = renderPart(compiled.parts[part], filled)
    content.data = renderData(compiled.data, filled) as JsonObject
    content.subject = oneLine(content.subject)
    content.url = content.url.trim()
    if (!mayBeOpened(content.url)) return { kind: 'fault', fault: badUrl(content.url) }
    if (compiled.locale !== undefined && content.html !== '')
      content.html = withLanguage(content.html, languageOf(compiled.locale))
    if (options.htmlTransform && content.html !== '') content.html = options.htmlTransform(content.html)
    if (options.urlTransform && content.url !== '') content.url = options.urlTransform(content.url)
  } catch (error) {
    if (error instanceof RenderTooLarge) return { kind: 'fault', fault: tooLarge() }
    return { kind: 'fault', fault: { code: 'template_error', detail: messageOf(error), variables: [] } }
  }
  if (templateParts.some((part) => isTooLarge(content[part])) || isTooLarge(JSON.stringify(content.data))) {
    return { kind: 'fault', fault: tooLarge() }
  }
  return { kind: 'rendered', content }
}

function languageOf(locale: string) {
  return { locale, dir: directionOf(locale) }
}

/** What can be refused before anything is rendered. */
function refuseBefore(compiled: CompiledTemplate, context: TemplateContext): ContentFault | null {
  const missing = shortLists(compiled.items, context)
  for (const shape of compiled.shapes) {
    const printed = printedValues(shape, context)
    if (printed.tooManyPasses || printed.charactersTotal > renderedBytesMax) return tooLarge()
    missing.push(...printed.missing)
  }
  if (missing.length === 0) return null
  const variables = [...new Set(missing)]
  return { code: 'missing_variable', detail: `no value and no default: ${variables.join(', ')}`, variables }
}

function renderPart({ run }: CompiledPart, context: TemplateContext): string {
  if (run === null) return ''
  return run(context, { allowProtoPropertiesByDefault: false, allowProtoMethodsByDefault: false })
}

function renderData(data: CompiledData, context: TemplateContext): JsonValue {
  switch (data.kind) {
    case 'text':
      return renderPart(data.part, context)
    case 'list':
      return data.items.map((item) => renderData(item, context))
    case 'object':
      return Object.fromEntries(data.entries.map(([key, item]) => [key, renderData(item, context)]))
    case 'value':
      return data.value
  }
}

/** An address of the web or of an app; never one that a reader would run. */
function mayBeOpened(url: string): boolean {
  if (url === '') return true
  return URL.canParse(url) && !/^(javascript|vbscript|data|file|blob):$/.test(new URL(url).protocol)
}

function badUrl(url: string): ContentFault {
  return {
    code: 'template_error',
    detail: `url: not an address to open: ${url.slice(0, 100)}`,
    variables: [],
  }
}

/** The context as this template takes it. */
function filledFor(compiled: CompiledTemplate, context: TemplateContext): TemplateContext {
  return withLists(compiled.items, withDefaults(compiled, context))
}

/** The context with defaults where a variable has no value. What changes is copied, the rest is shared. */
function withDefaults(compiled: CompiledTemplate, context: TemplateContext): TemplateContext {
  let filled = context
  for (const { parts, value } of compiled.defaults) {
    if (!hasValue(lookUp(filled, parts))) filled = withValue(filled, parts, value) as TemplateContext
  }
  return filled
}

function withValue(object: unknown, [part, ...rest]: string[], value: string | number): unknown {
  const base = typeof object === 'object' && object !== null ? object : {}
  const inner = rest.length === 0 ? value : withValue(lookUp(base, [part!]), rest, value)
  return Object.assign(Array.isArray(base) ? [] : Object.create(null), base, { [part!]: inner })
}

/** A character has at most 3 bytes a code unit: most texts need not be measured. */
function isTooLarge(text: string): boolean {
  return text.length * 3 > renderedBytesMax && Buffer.byteLength(text) > renderedBytesMax
}

function oneLine(subject: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must go
  return subject.replace(/[\u0000-\u001f\u007f\u0085\u2028\u2029]+/g, ' ').trim()
}

function tooLarge(): ContentFault {
  return {
    code: 'too_large',
    detail: `the message would be larger than ${renderedBytesMax} bytes`,
    variables: [],
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
