import type { Utm } from '#contracts/campaign.ts'
import type { RenderInput, RenderPort } from '../action/sender.ts'
import type { UtmParameters } from '../action/utm.ts'
import { limitFault } from '../creative/content-limits.ts'
import { templateContext } from '../creative/context.ts'
import { render } from '../creative/render.ts'
import type { TemplateCache } from '../creative/template-cache.ts'
import { wordsFor } from '../creative/words.ts'
import type { SendFacts } from './claim-facts.ts'
import { variantOf } from './variant-of.ts'

/** Puts a claimed message into words, with the customer and the offer as they are at the claim. */
export function createRenderPort(templates: TemplateCache): RenderPort<SendFacts> {
  return {
    about({ message, facts }) {
      const { utm } = facts.decidedBy.spec
      return {
        from: senderOf(message, facts),
        utm: utm === undefined ? {} : utmOf(utm, message),
      }
    },
    render({ message, facts, limits, unsubscribeUrl, preferencesUrl, htmlTransform, urlTransform }) {
      const variant = variantOf(message, facts)
      if (variant === undefined) return fault(`no variant ${message.variant_id} of ${message.treatment_id}`)
      const compiled = templates.compile(variant.template)
      if (compiled.kind === 'faults') return fault(compiled.faults.join('; '))
      const { offer, coupon } = facts.candidate
      const { locale: workspaceLocale } = facts.workspace
      const words = wordsFor(compiled.template, { locale: facts.profile.profile.locale, workspaceLocale })
      const context = templateContext({
        customerId: message.customer_id,
        traits: facts.profile.profile.traits,
        trigger: JSON.parse(message.context_json),
        offer,
        unsubscribeUrl,
        preferencesUrl,
        words: { ...words, workspaceLocale },
        ...(coupon === undefined ? {} : { coupon }),
        ...(facts.item === undefined ? {} : { item: facts.item }),
        ...(facts.items === undefined ? {} : { items: facts.items }),
      })
      const rendered = render(words.template, context, { htmlTransform, urlTransform })
      if (rendered.kind === 'fault') return rendered
      const over = limitFault(rendered.content, limits)
      if (over !== null) return { kind: 'fault', fault: over }
      return { kind: 'rendered', content: rendered.content }
    },
  }
}

type Message = RenderInput<SendFacts>['message']

/** Of the words that the message is in. */
function senderOf(message: Message, facts: SendFacts): string | null {
  const template = variantOf(message, facts)?.template
  return template?.locales?.[facts.locale ?? '']?.from ?? template?.from ?? null
}

/** What a campaign does not say of its own is said of the message. */
function utmOf(utm: Utm, message: Message): UtmParameters {
  return {
    source: utm.source,
    medium: utm.medium ?? message.channel,
    campaign: utm.campaign ?? message.campaign_id,
    content: utm.content ?? message.variant_id,
    ...(utm.term === undefined ? {} : { term: utm.term }),
  }
}

function fault(detail: string) {
  return { kind: 'fault' as const, fault: { code: 'template_error' as const, detail, variables: [] } }
}
