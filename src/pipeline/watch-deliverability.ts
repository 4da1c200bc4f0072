import { type CampaignVersion, type Deliverability, deliverabilitySchema } from '#contracts/campaign.ts'
import type { Logger } from '#contracts/logger.ts'
import type { StoreScope } from '#platform/store/store.ts'
import { campaignsInTrouble, type SendRates, sendRates } from '../action/send-rates.ts'
import { loadRunningCampaigns } from '../campaign/campaign-rows.ts'
import { loadGuardrailSettings } from '../campaign/document-rows.ts'
import { type ChangeParts, moveCampaign } from './change-workspace.ts'

/** Who pauses a campaign whose mail is not wanted; stands in its version and in the audit. */
export const deliverabilityActor = 'system:deliverability'

/** One is no rate: a single complaint in a thousand mails is at the limit already. */
const complaintsMin = 2
const bouncesMin = 5

/**
 * Pauses live campaigns whose bounces or complaints have reached their limit. A person looks at them and
 * launches them again: from then on they are counted anew. Resolves to the campaigns paused.
 */
export async function watchDeliverability(
  parts: ChangeParts & { logger: Logger },
  workspace: string,
): Promise<string[]> {
  const now = parts.clock.now()
  const read = parts.store.read.workspace(workspace)
  const limits = await deliverabilityOf(parts.store.read, workspace)
  const troubled = await campaignsInTrouble(read, now - limits.windowHours * 3_600_000)
  if (troubled.size === 0) return []
  const paused: string[] = []
  for (const campaign of await loadRunningCampaigns(read)) {
    if (!troubled.has(campaign.campaignId)) continue
    const rates = await sendRates(read, campaign.campaignId, sinceOf(campaign, limits, now))
    const note = reasonToPause(rates, limits)
    if (note === null) continue
    const { campaignId } = campaign
    const change = { workspace, actor: deliverabilityActor, campaignId, action: 'pause' as const, note }
    // Somebody else may have paused it meanwhile.
    if ((await moveCampaign(parts, change)).kind === 'refused') continue
    parts.logger.warn('a campaign was paused', { workspace, campaignId, reason: note })
    paused.push(campaignId)
  }
  return paused
}

/** Null while its sends may go on. */
export function reasonToPause(
  { sends, hardBounces, complaints }: SendRates,
  limits: Deliverability,
): string | null {
  if (sends < limits.sendsMin) return null
  const reached = (count: number, least: number, share: number) => count >= least && count >= share * sends
  if (reached(complaints, complaintsMin, limits.complaintShareMax))
    return wording('complaints', complaints, sends, limits.complaintShareMax)
  if (reached(hardBounces, bouncesMin, limits.bounceShareMax))
    return wording('bounces', hardBounces, sends, limits.bounceShareMax)
  return null
}

function wording(what: string, count: number, sends: number, max: number): string {
  return `${what} reached their limit: ${count} of ${sends} sends (${percent(count / sends)}), at most ${percent(max)}`
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`
}

export async function deliverabilityOf(scope: StoreScope, workspace: string): Promise<Deliverability> {
  const { deliverability } = await loadGuardrailSettings(scope.workspace(workspace))
  return deliverability ?? deliverabilitySchema.parse({})
}

/** What is counted: the last hours, and nothing from before a person launched it again. */
export function sinceOf(
  { createdAt }: Pick<CampaignVersion, 'createdAt'>,
  { windowHours }: Deliverability,
  now: number,
): number {
  return Math.max(createdAt, now - windowHours * 3_600_000)
}
