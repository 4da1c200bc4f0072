import type { RenderPort } from '../action/sender.ts'
import { templateContext } from '../creative/context.ts'
import { render } from '../creative/render.ts'
import type { TemplateCache } from '../creative/template-cache.ts'
import type { SendFacts } from './claim-facts.ts'

/** Puts a claimed message into words, with the customer and the offer as they are at the claim. */
export function createRenderPort(templates: TemplateCache): RenderPort<SendFacts> {
  return {
    render({ message, facts, unsubscribeUrl, preferencesUrl, htmlTransform, urlTransform }) {
      const treatment = facts.decidedBy.spec.treatments.find(
        (own) => own.treatmentId === message.treatment_id,
      )
      const variant = treatment?.variants.find((own) => own.variantId === message.variant_id)
      if (variant === undefined) return fault(`no variant ${message.variant_id} of ${message.treatment_id}`)
      const compiled = templates.compile(variant.template)
      if (compiled.kind === 'faults') return fault(compiled.faults.join('; '))
      const context = templateContext({
        customerId: message.customer_id,
        traits: facts.profile.profile.traits,
        trigger: JSON.parse(message.context_json),
        offer: facts.candidate.offer,
        unsubscribeUrl,
        preferencesUrl,
      })
      const rendered = render(compiled.template, context, { htmlTransform, urlTransform })
      if (rendered.kind === 'fault') return rendered
      return { kind: 'rendered', content: rendered.content, from: compiled.template.from }
    },
  }
}

function fault(detail: string) {
  return { kind: 'fault' as const, fault: { code: 'template_error' as const, detail, variables: [] } }
}
