import type { ContentLimits, RenderedContent } from '#contracts/message.ts'
import type { CompiledTemplate } from './compile-template.ts'
import { limitFault } from './content-limits.ts'
import type { TemplateContext } from './context.ts'
import type { ItemUse } from './item-use.ts'
import { missingVariables, render } from './render.ts'

export interface Preview {
  /** null where the template cannot be rendered at all; then `faults` says why. */
  content: RenderedContent | null
  /** Variables without value for this customer: the message would be stopped. Shown as ⟨path⟩ in `content`. */
  missing: string[]
  faults: string[]
}

/**
 * The template, in the words of its reader, as a given customer would get it, with gaps marked instead of refused. `limits` are those of the
 * providers that may be given it, by their id.
 */
export function preview(
  whole: CompiledTemplate,
  context: TemplateContext,
  limits: ReadonlyMap<string, ContentLimits> = new Map(),
): Preview {
  const missing = missingVariables(whole, context)
  const short = new Set(missing.filter((path) => /^items\.[a-z]+$/.test(path)))
  const marked = missing
    .filter((path) => !short.has(path))
    .map((path) => ({ parts: path.split('.'), value: `⟨${path}⟩` }))
  const withMarks = { ...whole, defaults: [...whole.defaults, ...marked], items: withoutLeast(whole.items) }
  const rendered = render(withMarks, context)
  if (rendered.kind === 'rendered') {
    const { content } = rendered
    const faults = [...limits].flatMap(([provider, own]) => {
      const fault = limitFault(content, own)
      return fault === null ? [] : [`${fault.code}: ${provider}: ${fault.detail}`]
    })
    return { content, missing, faults }
  }
  return { content: null, missing, faults: [`${rendered.fault.code}: ${rendered.fault.detail}`] }
}

/** Shown as they are, however short. */
function withoutLeast(use: ItemUse | null): ItemUse | null {
  if (use === null) return null
  const lists = Object.entries(use.lists).map(([list, own]) => [list, { ...own, min: 0 }])
  return { ...use, lists: Object.fromEntries(lists) as ItemUse['lists'] }
}
