import type { ContentFault, RenderedContent } from '#contracts/message.ts'
import {
  type CompiledTemplate,
  RenderTooLarge,
  renderedBytesMax,
  type TemplatePart,
  templateParts,
} from './compile-template.ts'
import type { TemplateContext } from './context.ts'
import { hasValue } from './helpers.ts'
import { lookUp, printedValues } from './printed-values.ts'

export type RenderResult =
  | { kind: 'rendered'; content: RenderedContent }
  /** The message is not sent; `detail` says why. */
  | { kind: 'fault'; fault: ContentFault }

export interface RenderOptions {
  /** Runs over the finished html: link tracking. */
  htmlTransform?: (html: string) => string
}

/**
 * Paths that this customer's rendering would print as nothing: without value (undefined, null, blank, or
 * an object, which has no text) and without default. Only branches that would be taken count.
 */
export function missingVariables(compiled: CompiledTemplate, context: TemplateContext): string[] {
  return printedValues(compiled.needed, withDefaults(compiled, context)).missing
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
  const filled = withDefaults(compiled, context)
  const refused = refuseBefore(compiled, filled)
  if (refused !== null) return { kind: 'fault', fault: refused }
  const content: RenderedContent = { subject: '', html: '', text: '' }
  try {
    for (const part of templateParts) content[part] = renderPart(compiled, part, filled)
    content.subject = oneLine(content.subject)
    if (options.htmlTransform && content.html !== '') content.html = options.htmlTransform(content.html)
  } catch (error) {
    if (error instanceof RenderTooLarge) return { kind: 'fault', fault: tooLarge() }
    return { kind: 'fault', fault: { code: 'template_error', detail: messageOf(error), variables: [] } }
  }
  if (templateParts.some((part) => isTooLarge(content[part]))) {
    return { kind: 'fault', fault: tooLarge() }
  }
  return { kind: 'rendered', content }
}

/** What can be refused before anything is rendered. */
function refuseBefore(compiled: CompiledTemplate, context: TemplateContext): ContentFault | null {
  const missing = new Set<string>()
  for (const part of templateParts) {
    const printed = printedValues(compiled.parts[part].shape, context)
    if (printed.tooManyPasses || printed.charactersTotal > renderedBytesMax) return tooLarge()
    for (const path of printed.missing) missing.add(path)
  }
  if (missing.size === 0) return null
  const variables = [...missing]
  return { code: 'missing_variable', detail: `no value and no default: ${variables.join(', ')}`, variables }
}

function renderPart(compiled: CompiledTemplate, part: TemplatePart, context: TemplateContext): string {
  const { run } = compiled.parts[part]
  if (run === null) return ''
  return run(context, { allowProtoPropertiesByDefault: false, allowProtoMethodsByDefault: false })
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
