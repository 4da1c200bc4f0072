import { sql } from 'kysely'
import type { WorkspaceDb } from '#platform/store/store.ts'
import type { CustomerPage } from './customer-pages.ts'
import { onPage } from './population-rows.ts'
import type { Funnel } from './report-schema.ts'

/** States in which a message holds its slot, and its cost with it. */
const COSTING = new Set(['sending', 'sent', 'unknown'])

export function emptyFunnel(): Funnel {
  return {
    decisions: {},
    exclusions: {},
    messages: {},
    sentByTreatment: {},
    clicks: 0,
    messagesClicked: 0,
    costMicros: 0,
  }
}

/**
 * Adds what happened to the page's customers. The queries group by campaign instead of asking for one:
 * asked for one, SQLite would walk all of the campaign's messages again for every page.
 */
export async function addToFunnel(
  funnel: Funnel,
  db: WorkspaceDb,
  campaignId: string,
  page: CustomerPage,
): Promise<void> {
  await addDecisions(funnel, db, campaignId, page)
  await addMessages(funnel, db, campaignId, page)
  await addClicks(funnel, db, campaignId, page)
}

async function addDecisions(
  funnel: Funnel,
  db: WorkspaceDb,
  campaignId: string,
  page: CustomerPage,
): Promise<void> {
  const rows = await db
    .selectFrom('assignments')
    .innerJoin('decisions', (join) =>
      join
        .onRef('decisions.workspace', '=', 'assignments.workspace')
        .onRef('decisions.customer_id', '=', 'assignments.customer_id')
        .onRef('decisions.decided_at', '>=', 'assignments.entered_at'),
    )
    .select((eb) => [
      'decisions.outcome',
      'decisions.campaign_id',
      'decisions.excluded_json',
      eb.fn.countAll().as('count'),
    ])
    .where('assignments.campaign_id', '=', campaignId)
    .where(onPage('assignments.customer_id', page))
    .groupBy(['decisions.outcome', 'decisions.campaign_id', 'decisions.excluded_json'])
    .execute()
  for (const row of rows) {
    const count = Number(row.count)
    const elsewhere = row.campaign_id !== '' && row.campaign_id !== campaignId
    add(funnel.decisions, elsewhere ? `${row.outcome}-elsewhere` : row.outcome, count)
    const excluded = JSON.parse(row.excluded_json) as Record<string, number>
    for (const [guardrail, candidates] of Object.entries(excluded)) {
      add(funnel.exclusions, guardrail, candidates * count)
    }
  }
}

async function addMessages(
  funnel: Funnel,
  db: WorkspaceDb,
  campaignId: string,
  page: CustomerPage,
): Promise<void> {
  const rows = await db
    .selectFrom('assignments')
    .innerJoin('messages', (join) =>
      join
        .onRef('messages.workspace', '=', 'assignments.workspace')
        .onRef('messages.customer_id', '=', 'assignments.customer_id'),
    )
    .select((eb) => [
      'messages.campaign_id',
      'messages.treatment_id',
      'messages.state',
      eb.fn.countAll().as('count'),
      sql<string>`cast(sum(${eb.ref('messages.cost_micros')}) as text)`.as('cost_micros'),
    ])
    .where('assignments.campaign_id', '=', campaignId)
    .where(onPage('assignments.customer_id', page))
    .groupBy(['messages.campaign_id', 'messages.treatment_id', 'messages.state'])
    .execute()
  for (const row of rows) {
    if (row.campaign_id !== campaignId) continue
    add(funnel.messages, row.state, Number(row.count))
    if (row.state === 'sent') add(funnel.sentByTreatment, row.treatment_id, Number(row.count))
    if (COSTING.has(row.state)) funnel.costMicros += Number(row.cost_micros)
  }
}

async function addClicks(
  funnel: Funnel,
  db: WorkspaceDb,
  campaignId: string,
  page: CustomerPage,
): Promise<void> {
  const rows = await db
    .selectFrom('assignments')
    .innerJoin('outcomes', (join) =>
      join
        .onRef('outcomes.workspace', '=', 'assignments.workspace')
        .onRef('outcomes.customer_id', '=', 'assignments.customer_id')
        // A click's row names its message alone; these two let it be found by customer.
        .on('outcomes.campaign_id', '=', '')
        .on('outcomes.goal_id', '=', ''),
    )
    .innerJoin('messages', (join) =>
      join
        .onRef('messages.workspace', '=', 'outcomes.workspace')
        .onRef('messages.message_id', '=', 'outcomes.message_id'),
    )
    .select((eb) => [
      'messages.campaign_id',
      eb.fn.countAll().as('clicks'),
      eb.fn.count('messages.message_id').distinct().as('messages_clicked'),
    ])
    .where('assignments.campaign_id', '=', campaignId)
    .where('outcomes.kind', '=', 'click')
    .where(onPage('assignments.customer_id', page))
    .where(onPage('outcomes.customer_id', page))
    .groupBy('messages.campaign_id')
    .execute()
  for (const row of rows) {
    if (row.campaign_id !== campaignId) continue
    funnel.clicks += Number(row.clicks)
    funnel.messagesClicked += Number(row.messages_clicked)
  }
}

function add(counts: Record<string, number>, key: string, count: number): void {
  counts[key] = (counts[key] ?? 0) + count
}
