import type { CampaignVersion } from '#contracts/campaign.ts'
import type { DecodedDecision } from '#contracts/decision.ts'
import { createReportingCurrency } from '#platform/money/reporting-currency.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { builtInFeatureSchemas } from '../decision/feature-schemas.ts'
import type { Known } from '../profile/profile-as-of.ts'
import { featureInputAsOf, loadCustomerHistories } from './customer-history.ts'
import { featureTraits } from './decision-features.ts'

/** No hashed feature is made of money or of the hour. */
const money = { currency: createReportingCurrency('EUR', []), zone: 'UTC' }

/**
 * What the slots of a decision's tail stand for: the record has only hashes, so the customer's features are made
 * again as they were known, with their names. Those of a request's context are not stored and stay without a name,
 * as does everything of a customer whose events are gone. Where features share a slot, all are named.
 */
export async function tailNamesOf(
  db: WorkspaceDb,
  { customerId, decidedAt, featureSchema, tail, trigger }: DecodedDecision,
  campaigns: readonly Pick<CampaignVersion, 'spec'>[],
): Promise<Map<number, string>> {
  const names = new Map<number, string>()
  const schema = builtInFeatureSchemas.get(featureSchema)
  if (tail.slots.length === 0 || schema?.namedTail === undefined) return names
  const [history] = await loadCustomerHistories(db, [customerId])
  const known: Known =
    trigger.kind === 'event'
      ? { kind: 'event', eventId: trigger.triggerId }
      : { kind: 'served', at: decidedAt }
  const { traits, watched } = featureTraits(campaigns)
  const input = history === undefined ? null : featureInputAsOf(history, known, { traits, ...money })
  if (input === null) return names
  const request = requestOf(campaigns)
  for (const { slot, name } of schema.namedTail({ ...input, watched, ...request })) {
    const other = names.get(slot)
    names.set(slot, other === undefined ? name : `${other} / ${name}`)
  }
  return names
}

/** A placement's campaigns have its name as their trigger. */
function requestOf(campaigns: readonly Pick<CampaignVersion, 'spec'>[]) {
  const trigger = campaigns[0]?.spec.trigger
  if (trigger === undefined || !('placement' in trigger)) return {}
  return { request: { placement: trigger.placement, context: {} } }
}
