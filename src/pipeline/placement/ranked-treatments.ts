import type { DecisionInput } from '#contracts/decision.ts'
import { render } from '../../creative/render.ts'
import { wordsFor } from '../../creative/words.ts'
import type { DecisionFacts, TriggeredDecision } from '../decision-input.ts'
import { readerOf, templateContextOf } from '../template-values.ts'
import { chosenIn } from './decision-record.ts'
import type { RankedTreatment } from './placement-request.ts'

/** What was chosen, in words: the variant's template over the customer, the offer and the request's context. */
export function rankedTreatment(
  facts: Pick<DecisionFacts, 'context' | 'items'>,
  triggered: Pick<TriggeredDecision, 'customer' | 'event' | 'trigger'>,
  input: DecisionInput,
  choice: { candidateIndex: number; variantIndex: number },
  given: { rank: number; decisionId: string; propensity: number | null },
): RankedTreatment {
  const { candidate, campaign, treatment, variant } = chosenIn(
    input,
    choice.candidateIndex,
    choice.variantIndex,
  )
  const { campaignId } = campaign
  const { treatmentId, channel, offer } = treatment
  const template =
    facts.context.campaigns.get(campaignId)?.templates[candidate.treatmentIndex]?.[choice.variantIndex]
  const { rank, decisionId, propensity } = given
  const { id, name, facts: offerFacts } = offer
  const ranked = {
    rank,
    decisionId,
    campaignId,
    treatmentId,
    variantId: variant.variantId,
    channel,
    offer: { id, name, facts: offerFacts },
    propensity,
  }
  // The context that the decision was made under has the campaign: it cannot be missing.
  if (template === undefined) throw new Error(`no template of ${treatmentId} in ${campaignId}`)
  const words = wordsFor(template, readerOf(triggered.customer, facts.context.settings))
  const rendered = render(words.template, templateContextOf(triggered, offer, facts, words))
  return rendered.kind === 'rendered'
    ? { ...ranked, content: rendered.content }
    : { ...ranked, content: null, contentFault: rendered.fault }
}
