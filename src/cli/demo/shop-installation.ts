import { readFileSync } from 'node:fs'
import { customerIdOf } from '#platform/ids/ids.ts'
import type { RowOf } from '#platform/store/store.ts'
import { parseWorkspaceFile } from '../../campaign/workspace-file.ts'
import { campaignReport } from '../../pipeline/campaign-report.ts'
import { applyWorkspaceFile, moveCampaign } from '../../pipeline/change-workspace.ts'
import type { EngineParts } from '../../pipeline/engine-parts.ts'
import { firstStart } from '../../pipeline/first-start.ts'
import { createNewlySent } from '../../pipeline/newly-sent.ts'
import type { UpliftReport } from '../../report/report-schema.ts'
import type { ReceivedMessage } from '../../simulate/play-shop.ts'
import type { Shop } from '../../simulate/shop.ts'
import type { ShopAssignment } from '../../simulate/shop-truth.ts'

export const shopWorkspace = 'main'
export const shopCampaignId = 'cart-reminder'
export const shopGoalWindowMs = 96 * 3_600_000

/** A workspace with the shop's campaign live in it. */
export async function installShop(
  parts: EngineParts,
  options: { writeKey?: string; adminKey?: string; holdout?: number } = {},
): Promise<void> {
  const { store, clock } = parts
  await firstStart(store, {
    workspace: shopWorkspace,
    writeKey: options.writeKey,
    adminKey: options.adminKey,
    sendMode: 'outbox',
    zone: 'UTC',
    reportingCurrency: 'EUR',
    now: clock.now(),
  })
  const yaml = readFileSync(new URL('../../simulate/shop-campaign.yaml', import.meta.url), 'utf8')
  const parsed = parseWorkspaceFile(yaml)
  if (!('file' in parsed)) throw new Error(JSON.stringify(parsed.faults))
  const { file } = parsed
  if (options.holdout !== undefined) {
    file.campaigns = file.campaigns.map((campaign) => ({
      ...campaign,
      holdout: options.holdout ?? campaign.holdout,
    }))
  }
  const change = { workspace: shopWorkspace, actor: 'demo' }
  const plan = await applyWorkspaceFile({ store, clock }, { ...change, file, dryRun: false })
  if (plan.faults.length > 0) throw new Error(JSON.stringify(plan.faults))
  for (const action of ['submit', 'approve', 'launch'] as const) {
    const moved = await moveCampaign(
      { store, clock },
      { ...change, campaignId: shopCampaignId, action, note: 'demo' },
    )
    if (moved.kind === 'refused') throw new Error(moved.fault.detail)
  }
}

/** The campaign's report, as anybody would read it. */
export async function readShopReport(parts: EngineParts): Promise<UpliftReport> {
  const report = await campaignReport(parts.store, shopWorkspace, shopCampaignId, parts.clock.now())
  if (report === null) throw new Error('the shop has no campaign')
  return report
}

/** Reads what the engine did to the shop's customers, in the shop's words. */
export interface ShopLedger {
  /** Messages sent since the last call. */
  newlySent(): Promise<ReceivedMessage[]>
  assignments(): Promise<ShopAssignment[]>
}

export function createShopLedger(parts: EngineParts, shop: Shop): ShopLedger {
  const userIds = new Map(
    shop.customers.map(({ userId }) => [customerIdOf(shopWorkspace, 'user', userId), userId] as const),
  )
  const db = parts.store.read.workspace(shopWorkspace)
  const userIdOf = (customerId: string): string => {
    const userId = userIds.get(customerId)
    if (userId === undefined) throw new Error(`customer ${customerId} is not of this shop`)
    return userId
  }
  const newlySent = createNewlySent(db)
  return {
    async newlySent() {
      return (await newlySent()).map((row) => ({
        messageId: row.message_id,
        userId: userIdOf(row.customer_id),
        treatmentId: row.treatment_id,
        at: row.state_at,
      }))
    },
    async assignments() {
      const rows: RowOf<'assignments'>[] = await db
        .selectFrom('assignments')
        .selectAll('assignments')
        .where('assignments.campaign_id', '=', shopCampaignId)
        .execute()
      return rows.map((row) => ({
        userId: userIdOf(row.customer_id),
        heldOut: row.held_out === 1,
        enteredAt: row.entered_at,
      }))
    },
  }
}
