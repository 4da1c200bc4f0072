import { nothingHead } from '#contracts/decision.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { type CustomerPage, customerPages } from './customer-pages.ts'
import { onPage } from './population-rows.ts'

/** Customers of one value of an attribute, and how many of them were reached, by treatment; '' is any. */
export interface GroupTreated {
  customers: number
  reached: Map<string, number>
}

/** By attribute, then by value; who has none stands under ''. */
export type FairnessTallies = Map<string, Map<string, GroupTreated>>

/** Everybody whom the campaign may treat, by the attributes as they are known now. */
export async function countTreated(
  db: WorkspaceDb,
  campaignId: string,
  attributes: readonly string[],
): Promise<FairnessTallies> {
  const tallies: FairnessTallies = new Map(attributes.map((attribute) => [attribute, new Map()]))
  for await (const page of customerPages(db, campaignId)) {
    const reached = await reachedOnPage(db, campaignId, page)
    for (const { customer_id, traits } of await traitsOnPage(db, campaignId, page)) {
      for (const [attribute, groups] of tallies) {
        const group = groupOf(groups, valueOfTrait(traits[attribute]))
        group.customers += 1
        for (const treatment of reached.get(customer_id) ?? [])
          group.reached.set(treatment, (group.reached.get(treatment) ?? 0) + 1)
      }
    }
  }
  return tallies
}

async function traitsOnPage(
  db: WorkspaceDb,
  campaignId: string,
  page: CustomerPage,
): Promise<{ customer_id: string; traits: JsonObject }[]> {
  const rows = await db
    .selectFrom('assignments')
    .innerJoin('customers', (join) =>
      join
        .onRef('customers.workspace', '=', 'assignments.workspace')
        .onRef('customers.customer_id', '=', 'assignments.customer_id'),
    )
    .select(['customers.customer_id', 'customers.profile_json'])
    .where('assignments.campaign_id', '=', campaignId)
    .where('assignments.held_out', '=', 0)
    .where(onPage('assignments.customer_id', page))
    .execute()
  return rows.map(({ customer_id, profile_json }) => ({
    customer_id,
    traits: (JSON.parse(profile_json) as { traits: JsonObject }).traits,
  }))
}

/** By customer: '' and each treatment that was sent to them or shown. */
async function reachedOnPage(
  db: WorkspaceDb,
  campaignId: string,
  page: CustomerPage,
): Promise<Map<string, Set<string>>> {
  const rows = await db
    .selectFrom('assignments')
    .crossJoin('exposures')
    .whereRef('exposures.workspace', '=', 'assignments.workspace')
    .whereRef('exposures.customer_id', '=', 'assignments.customer_id')
    .select(['exposures.customer_id', 'exposures.campaign_id', 'exposures.head'])
    .distinct()
    .where('assignments.campaign_id', '=', campaignId)
    .where(onPage('assignments.customer_id', page))
    .execute()
  const reached = new Map<string, Set<string>>()
  for (const { customer_id, campaign_id, head } of rows) {
    if (campaign_id !== campaignId || head === nothingHead) continue
    const own = reached.get(customer_id)
    if (own === undefined) reached.set(customer_id, new Set(['', head]))
    else own.add(head)
  }
  return reached
}

function groupOf(groups: Map<string, GroupTreated>, value: string): GroupTreated {
  let group = groups.get(value)
  if (group === undefined) {
    group = { customers: 0, reached: new Map() }
    groups.set(value, group)
  }
  return group
}

function valueOfTrait(trait: unknown): string {
  return typeof trait === 'string' || typeof trait === 'number' || typeof trait === 'boolean'
    ? String(trait)
    : ''
}
