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

/** The same with its names in order, whatever the order in which the store gave them. */
export function inOrder(funnel: Funnel): Funnel {
  const { decisions, exclusions, messages, sentByTreatment, ...totals } = funnel
  const sorted = (counts: Record<string, number>) =>
    Object.fromEntries(Object.entries(counts).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  return {
    decisions: sorted(decisions),
    exclusions: sorted(exclusions),
    messages: sorted(messages),
    sentByTreatment: sorted(sentByTreatment),
    ...totals,
  }
}

/**
 * Adds what happened to the page's customers. Always from the customers to their rows: a cross join keeps
 * SQLite to that order, and the queries group by campaign instead of asking for one. Otherwise it may walk
 * the workspace's or the campaign's rows from end to end, for every page again.
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
    .crossJoin('decisions')
    .whereRef('decisions.workspace', '=', 'assignments.workspace')
    .whereRef('decisions.customer_id', '=', 'assignments.customer_id')
    .whereRef('decisions.decided_at', '>=', 'assignments.entered_at')
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
    .crossJoin('messages')
    .whereRef('messages.workspace', '=', 'assignments.workspace')
    .whereRef('messages.customer_id', '=', 'assignments.customer_id')
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
    .crossJoin('outcomes')
    .crossJoin('messages')
    .whereRef('outcomes.workspace', '=', 'assignments.workspace')
    .whereRef('outcomes.customer_id', '=', 'assignments.customer_id')
    // The instant also leads SQLite to the index by customer: by equality alone it takes the primary key, and
    // reads the whole workspace for each customer.
    .whereRef('outcomes.occurred_at', '>=', 'assignments.entered_at')
    .whereRef('messages.workspace', '=', 'outcomes.workspace')
    .whereRef('messages.message_id', '=', 'outcomes.message_id')
    .select((eb) => [
      'messages.campaign_id',
      eb.fn.countAll().as('clicks'),
      eb.fn.count('messages.message_id').distinct().as('messages_clicked'),
    ])
    .where('assignments.campaign_id', '=', campaignId)
    .where('outcomes.kind', '=', 'click')
    .where(onPage('assignments.customer_id', page))
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
