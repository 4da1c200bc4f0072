import type { CampaignVersion } from '#contracts/campaign.ts'
import type { RowOf } from '#platform/store/store.ts'

/** The variant that a message was decided with. */
export function variantOf(
  message: Pick<RowOf<'messages'>, 'treatment_id' | 'variant_id'>,
  { decidedBy }: { decidedBy: CampaignVersion },
) {
  const treatment = decidedBy.spec.treatments.find((own) => own.treatmentId === message.treatment_id)
  return treatment?.variants.find((own) => own.variantId === message.variant_id)
}
