import type { CampaignSpec, FrequencyCap, GuardrailSettings, LeastGap } from '#contracts/campaign.ts'
import type { Profile } from '#contracts/profile.ts'
import type { RowOf, Store, StoreScope, WorkspaceDb } from '#platform/store/store.ts'
import { loadCampaignHistory } from '../../campaign/campaign-rows.ts'
import { loadWorkspace } from '../../campaign/workspaces.ts'
import { customerZone } from '../../profile/zone-of-place.ts'
import { type CheckResult, difference } from './difference.ts'
import { eachPage } from './pages.ts'

/** A set of caps and gaps, and from when on it bound. */
export interface Era {
  from: number
  caps: FrequencyCap[]
  gaps: LeastGap[]
}

/** One send that took a slot. */
export interface Send {
  messageId: string
  campaignId: string
  channel: string
  at: number
}

/**
 * Counts the ledger's sends against the caps that were in force at each, by window and by local day, and looks
 * for the least gap before each. It shares no line with the guardrail: a fault there is seen here.
 */
export async function checkCaps(store: Store, workspace: string): Promise<CheckResult> {
  const result: CheckResult = { checked: 0, differences: [] }
  const { workspaceEras, campaignEras, zone } = await store.snapshot((scope) => loadEras(scope, workspace))
  const mergedAt = await lastMerges(store.read.workspace(workspace))
  await eachPage(store, workspace, 'customers', async (customers, db) => {
    const ids = customers.map((row) => row.customer_id)
    const sends = await loadSends(db, ids)
    for (const customer of customers) {
      const own = sends.get(customer.customer_id) ?? []
      const since = mergedAt.get(customer.customer_id) ?? 0
      const ownZone = customerZone(JSON.parse(customer.profile_json) as Profile, zone)
      for (const send of own) {
        result.checked += 1
        // What two customers had got before they were known to be one is nobody's overrun.
        if (send.at <= since) continue
        const inCampaign = own.filter(({ campaignId }) => campaignId === send.campaignId)
        const ofCampaign = campaignEras.get(send.campaignId) ?? []
        const found = [
          ...overruns(workspaceEras, own, send, ownZone, 'the workspace’s'),
          ...tooNear(workspaceEras, own, send),
          ...overruns(ofCampaign, inCampaign, send, ownZone, `${send.campaignId}’s`),
        ]
        result.differences.push(...found.map(({ detail }) => difference('caps', send.messageId, detail)))
      }
    }
  })
  return result
}

/** `sends`: what counts; `per`: whose caps are meant. */
export function overruns(
  eras: Era[],
  sends: Send[],
  send: Send,
  zone: string,
  whose: string,
  per?: FrequencyCap['per'],
): { detail: string }[] {
  // Where the caps changed in the instant of the send, either set may have been asked.
  const bound = [lastEra(eras, send.at), lastEra(eras, send.at - 1)]
  const found = bound.map((era) =>
    (era?.caps ?? []).flatMap((cap) => {
      if (cap.per !== per || (cap.channel !== undefined && cap.channel !== send.channel)) return []
      const used = sends.filter(
        (other) =>
          (cap.channel === undefined || other.channel === cap.channel) &&
          isInWindow(cap, other.at, send.at, zone),
      ).length
      if (used <= cap.sendsMax) return []
      return [{ detail: `${used} sends where ${whose} cap allows ${cap.sendsMax} in ${windowText(cap)}` }]
    }),
  )
  return found.every((own) => own.length > 0) ? (found[0] ?? []) : []
}

function tooNear(eras: Era[], sends: Send[], send: Send): { detail: string }[] {
  const bound = [lastEra(eras, send.at), lastEra(eras, send.at - 1)]
  const found = bound.map((era) =>
    (era?.gaps ?? []).flatMap(({ minutes, channel }) => {
      if (channel !== undefined && channel !== send.channel) return []
      const before = sends.filter(
        (other) =>
          other !== send && other.at <= send.at && (channel === undefined || other.channel === channel),
      )
      const gapMs = send.at - Math.max(...before.map(({ at }) => at))
      if (gapMs >= Math.round(minutes * 60_000)) return []
      return [{ detail: `${gapMs} ms after the last send where the least gap is ${minutes} minutes` }]
    }),
  )
  return found.every((own) => own.length > 0) ? (found[0] ?? []) : []
}

/** Whether a send at `at` is in the window that ends with the one at `end`. */
function isInWindow({ window }: FrequencyCap, at: number, end: number, zone: string): boolean {
  if (at > end) return false
  if ('hours' in window) return end - at < window.hours * 3_600_000
  return localDay(end, zone) - localDay(at, zone) < window.localDays
}

/** Days since the epoch on the calendar of the zone. */
function localDay(at: number, zone: string): number {
  let format = dayFormats.get(zone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone })
    dayFormats.set(zone, format)
  }
  return Date.parse(`${format.format(at)}T00:00:00Z`) / 86_400_000
}
const dayFormats = new Map<string, Intl.DateTimeFormat>()

function windowText({ window }: FrequencyCap): string {
  return 'hours' in window ? `${window.hours} hours` : `${window.localDays} local days`
}

function lastEra(eras: Era[], at: number): Era | undefined {
  return eras.findLast((era) => era.from <= at)
}

export async function loadEras(scope: StoreScope, workspace: string) {
  const db = scope.workspace(workspace)
  const documents = await db
    .selectFrom('documents')
    .select(['documents.body_json', 'documents.created_at'])
    .where('documents.kind', '=', 'guardrails')
    .orderBy('documents.version')
    .execute()
  const workspaceEras = documents.map((row): Era => {
    const { frequencyCaps = [], leastGaps = [] } = JSON.parse(row.body_json) as Partial<GuardrailSettings>
    return { from: row.created_at, caps: frequencyCaps, gaps: leastGaps }
  })
  const ids = await db
    .selectFrom('campaign_versions')
    .select('campaign_versions.campaign_id')
    .distinct()
    .execute()
  const campaignEras = new Map<string, Era[]>()
  for (const { campaign_id } of ids) {
    const ran = (await loadCampaignHistory(db, campaign_id)).filter(({ state }) => state === 'live')
    campaignEras.set(
      campaign_id,
      ran.map(({ createdAt, spec }) => ({
        from: createdAt,
        caps: (spec as CampaignSpec).frequencyCaps,
        gaps: [],
      })),
    )
  }
  return { workspaceEras, campaignEras, zone: (await loadWorkspace(scope, workspace))?.zone ?? 'UTC' }
}

/** By customer, what took a slot. */
export async function loadSends(db: WorkspaceDb, customerIds: string[]): Promise<Map<string, Send[]>> {
  const rows = await db
    .selectByKeys('messages', 'customer_id', customerIds)
    .select(['messages.customer_id', 'messages.message_id', 'messages.campaign_id', 'messages.channel'])
    .select('messages.sending_at')
    .where('messages.state', 'in', ['sending', 'sent', 'unknown'])
    .where('messages.transactional', '=', 0)
    .execute()
  const sends = new Map<string, Send[]>()
  for (const row of rows) {
    if (row.sending_at === null) continue
    const { message_id: messageId, campaign_id: campaignId, channel, sending_at: at } = row
    const own = sends.get(row.customer_id)
    if (own === undefined) sends.set(row.customer_id, [{ messageId, campaignId, channel, at }])
    else own.push({ messageId, campaignId, channel, at })
  }
  return sends
}

/** When the last customer was merged into each, where one was. */
export async function lastMerges(db: WorkspaceDb): Promise<Map<string, number>> {
  const rows: Pick<RowOf<'customers'>, 'merged_into' | 'updated_at'>[] = await db
    .selectFrom('customers')
    .select(['customers.merged_into', 'customers.updated_at'])
    .where('customers.merged_into', 'is not', null)
    .execute()
  const merges = new Map<string, number>()
  for (const { merged_into, updated_at } of rows) {
    if (merged_into !== null) merges.set(merged_into, Math.max(updated_at, merges.get(merged_into) ?? 0))
  }
  return merges
}
