import type { CampaignSpec, CampaignVersion, Offer, TreatmentSpec } from '#contracts/campaign.ts'
import type { Journey } from '#contracts/journey.ts'
import { canonicalJson } from '../campaign/canonical-json.ts'
import { hasSameSteps } from './cadence/settle-journey.ts'

/**
 * Whether a message that was decided by one version of its campaign is still what the running one would send:
 * the same words to the same people for the same goal. Offers may change: their facts are rendered as they are
 * now, and whether they hold is asked by itself. A journey may finish the version it follows where the change
 * says so.
 */
export function stillStands(
  message: { treatment_id: string; variant_id: string },
  decidedBy: CampaignVersion,
  running: CampaignVersion,
  journey: Journey | undefined,
): boolean {
  if (decidedBy.version === running.version) return true
  const { inside } = running.spec.cadence ?? {}
  if (journey !== undefined && !hasSameSteps(decidedBy.spec, running.spec)) {
    if (inside === 'finish') return true
    if (inside !== 'move') return false
  }
  return whatItSays(decidedBy.spec, message) === whatItSays(running.spec, message)
}

/** Specs are immutable: written out once for each treatment and variant. */
const written = new WeakMap<CampaignSpec, Map<string, string | null>>()

function whatItSays(
  spec: CampaignSpec,
  message: { treatment_id: string; variant_id: string },
): string | null {
  let known = written.get(spec)
  if (known === undefined) {
    known = new Map()
    written.set(spec, known)
  }
  const key = `${message.treatment_id}\u0000${message.variant_id}`
  let text = known.get(key)
  if (text === undefined) {
    text = writeOut(spec, message)
    known.set(key, text)
  }
  return text
}

/** Null where the version has no such variant: that equals nothing the message was made of. */
function writeOut(
  { treatments, goal, trigger, audience }: CampaignSpec,
  message: { treatment_id: string; variant_id: string },
): string | null {
  const treatment = treatments.find((own) => own.treatmentId === message.treatment_id)
  const variant = treatment?.variants.find((own) => own.variantId === message.variant_id)
  if (treatment === undefined || variant === undefined) return null
  const { channel, offer } = treatment
  return canonicalJson({
    goal,
    trigger,
    audience: audience ?? null,
    channel,
    offer: offer.id,
    template: variant.template,
  })
}

/** The offer as the running version has it, wherever it stands there; else as it was decided with. */
export function offerNow(running: CampaignVersion, decided: TreatmentSpec): Offer {
  const own = running.spec.treatments.find(({ treatmentId }) => treatmentId === decided.treatmentId)
  const other = running.spec.treatments.find(({ offer }) => offer.id === decided.offer.id)
  return own?.offer ?? other?.offer ?? decided.offer
}
