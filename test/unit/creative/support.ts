import type { Template } from '#contracts/campaign.ts'
import { type CompiledTemplate, compileTemplate } from '../../../src/creative/compile-template.ts'
import type { TemplateContext } from '../../../src/creative/context.ts'

export function template(parts: Partial<Template>): Template {
  return { id: 'welcome', channel: 'email', subject: 'Hello', html: '', text: 'x', defaults: {}, ...parts }
}

export function compiled(parts: Partial<Template>): CompiledTemplate {
  const result = compileTemplate(template(parts))
  if (result.kind === 'faults') throw new Error(result.faults.join('\n'))
  return result.template
}

export function context(customer: TemplateContext['customer'], properties = {}): TemplateContext {
  return {
    customer,
    event: { name: 'Cart Abandoned', properties },
    offer: { id: 'ten-off', name: 'Ten off', percent: 10 },
    links: { unsubscribe: 'https://starling.example/u/abc' },
    data: {},
    coupon: {},
    item: {},
    items: {},
    message: {},
  }
}
