import type { CampaignSpec, CampaignVersion, Template } from '#contracts/campaign.ts'
import type { CampaignFacts } from '#contracts/guardrail.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { loadTemplate } from '../campaign/document-rows.ts'

/** A message that somebody asked for by the API: no campaign, no decision, a template in one of its versions. */
export function isDirect(message: Pick<RowOf<'messages'>, 'campaign_id' | 'decision_id'>): boolean {
  return message.campaign_id === '' && message.decision_id === ''
}

/** What a direct message's row says where a decided one names its campaign. */
export function directColumns(template: Template, version: number) {
  return {
    decisionId: '',
    campaignId: '',
    campaignVersion: version,
    treatmentId: '',
    variantId: template.id,
  }
}

/** The template that the row names, as the one treatment of a campaign that there is not; null when it is gone. */
export async function loadDirectVersion(
  db: WorkspaceDb,
  message: Pick<RowOf<'messages'>, 'variant_id' | 'campaign_version'>,
): Promise<CampaignVersion | null> {
  const found = await loadTemplate(db, message.variant_id, message.campaign_version)
  return found === null ? null : versionOf(found.template, found.version)
}

/** What guardrails may look at; none of those that do binds a transactional message. */
export function directCampaign({ version, state, spec }: CampaignVersion): CampaignFacts {
  return { campaignId: '', version, state, spec, heldOut: false, spentMicros: 0, goalMet: false }
}

function versionOf(template: Template, version: number): CampaignVersion {
  const spec: CampaignSpec = {
    campaignId: '',
    name: template.id,
    goal: { id: '', event: '', windowHours: 0 },
    alsoMeasure: [],
    trigger: { imported: true },
    treatments: [
      {
        treatmentId: '',
        offer: { id: '', name: '', value: 0, available: true, facts: {} },
        channel: template.channel,
        costMicros: 0,
        valueMicros: 0,
        lever: 1,
        variants: [{ variantId: template.id, weight: 1, template }],
      },
    ],
    policy: { kind: 'inverse-gap' },
    holdout: 0,
    frequencyCaps: [],
    expiresAfterMs: 0,
    features: [],
  }
  return { campaignId: '', version, state: 'live', spec, actor: '', note: '', createdAt: 0 }
}
