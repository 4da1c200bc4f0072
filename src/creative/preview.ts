import type { Template } from '#contracts/campaign.ts'
import type { ContentLimits, RenderedContent } from '#contracts/message.ts'
import { compileTemplate } from './compile-template.ts'
import { limitFault } from './content-limits.ts'
import type { TemplateContext } from './context.ts'
import { missingVariables, render } from './render.ts'

export interface Preview {
  /** null where the template cannot be rendered at all; then `faults` says why. */
  content: RenderedContent | null
  /** Variables without value for this customer: the message would be stopped. Shown as ⟨path⟩ in `content`. */
  missing: string[]
  faults: string[]
}

/**
 * The template as a given customer would get it, with gaps marked instead of refused. `limits` are those of the
 * providers that may be given it, by their id.
 */
export function preview(
  template: Template,
  context: TemplateContext,
  limits: ReadonlyMap<string, ContentLimits> = new Map(),
): Preview {
  const compiled = compileTemplate(template)
  if (compiled.kind === 'faults') return { content: null, missing: [], faults: compiled.faults }
  const missing = missingVariables(compiled.template, context)
  const marked = missing.map((path) => ({ parts: path.split('.'), value: `⟨${path}⟩` }))
  const withMarks = { ...compiled.template, defaults: [...compiled.template.defaults, ...marked] }
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
