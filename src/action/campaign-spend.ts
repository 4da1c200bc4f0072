import type { MessageState } from '#contracts/message.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'

/**
 * What a campaign's messages cost, counted as they change state, since every batch and every claim asks and
 * the messages of a campaign are without end. Derived: `recountSpend` makes it again from the messages.
 */
export interface CampaignSpend {
  /** Of slots taken: sending, sent, unknown. */
  spentMicros: number
  queuedMicros: number
}

const takenStates: readonly MessageState[] = ['sending', 'sent', 'unknown']

/** What each of these campaigns has spent, in micros: slots taken, and at decision also what is queued. */
export async function campaignSpend(
  db: WorkspaceDb,
  campaignIds: readonly string[],
  stage: 'decision' | 'claim' = 'claim',
): Promise<Map<string, number>> {
  const spend = new Map(campaignIds.map((id) => [id, 0]))
  if (campaignIds.length === 0) return spend
  for (const row of await loadSpend(db, campaignIds)) {
    spend.set(row.campaign_id, row.spent_micros + (stage === 'decision' ? row.queued_micros : 0))
  }
  return spend
}

/**
 * Keeps others from spending on these campaigns until the transaction ends, so that two claims do not both
 * take the last of a budget. Name all campaigns of the claim: in one order, as `moveSpend` writes them. Left out:
 * all of the workspace.
 */
export async function lockSpend(db: WorkspaceDb, campaignIds?: readonly string[]): Promise<void> {
  if (db.dialect === 'sqlite') return
  const rows =
    campaignIds === undefined
      ? db.selectFrom('campaign_spend')
      : db.selectByKeys('campaign_spend', 'campaign_id', campaignIds)
  await rows.select('campaign_spend.campaign_id').orderBy('campaign_spend.campaign_id').forUpdate().execute()
}

/** A message's cost moves from one state to the other; `from` is null for a new one. */
export interface SpendMove {
  campaignId: string
  costMicros: number
  from: MessageState | null
  to: MessageState
}

/**
 * Counts moves in the transaction that makes them, late in it: everybody who moves a campaign's money waits
 * from here to its end.
 */
export async function moveSpend(db: WorkspaceDb, moves: readonly SpendMove[]): Promise<void> {
  const changes = new Map<string, CampaignSpend>()
  for (const { campaignId, costMicros, from, to } of moves) {
    const change = changes.get(campaignId) ?? { spentMicros: 0, queuedMicros: 0 }
    changes.set(campaignId, change)
    if (from !== null) count(change, from, -costMicros)
    count(change, to, costMicros)
  }
  const moved = [...changes].filter(([, change]) => change.spentMicros !== 0 || change.queuedMicros !== 0)
  if (moved.length === 0) return
  const rows = moved.map(([campaign_id, { spentMicros, queuedMicros }]) => ({
    campaign_id,
    spent_micros: spentMicros,
    queued_micros: queuedMicros,
  }))
  await db.bulkInsert('campaign_spend', rows, {
    key: ['workspace', 'campaign_id'],
    update: [],
    add: ['spent_micros', 'queued_micros'],
  })
}

export interface SpendDifference {
  campaignId: string
  stored: CampaignSpend
  recounted: CampaignSpend
}

/** Campaigns whose counter is not what their messages add up to. Reads every message of the workspace. */
export async function recountSpend(db: WorkspaceDb): Promise<SpendDifference[]> {
  const recounted = new Map<string, CampaignSpend>()
  const sums = await db
    .selectFrom('messages')
    .select((eb) => [
      'messages.campaign_id',
      'messages.state',
      eb.fn.sum<number | string>('messages.cost_micros').as('cost_micros'),
    ])
    .groupBy(['messages.campaign_id', 'messages.state'])
    .execute()
  for (const row of sums) {
    const spend = recounted.get(row.campaign_id) ?? { spentMicros: 0, queuedMicros: 0 }
    recounted.set(row.campaign_id, spend)
    count(spend, row.state, Number(row.cost_micros))
  }
  const stored = new Map(
    (await loadSpend(db)).map((row) => [
      row.campaign_id,
      { spentMicros: row.spent_micros, queuedMicros: row.queued_micros },
    ]),
  )
  const nothing = { spentMicros: 0, queuedMicros: 0 }
  return [...new Set([...recounted.keys(), ...stored.keys()])]
    .sort()
    .map((campaignId) => ({
      campaignId,
      stored: stored.get(campaignId) ?? nothing,
      recounted: recounted.get(campaignId) ?? nothing,
    }))
    .filter(
      (own) =>
        own.stored.spentMicros !== own.recounted.spentMicros ||
        own.stored.queuedMicros !== own.recounted.queuedMicros,
    )
}

/** Sets the counters to what the messages add up to. Resolves to what was different. */
export async function repairSpend(db: WorkspaceDb): Promise<SpendDifference[]> {
  // Who moves money meanwhile waits, and adds to what is set here.
  await lockSpend(db)
  const differences = await recountSpend(db)
  const rows = differences.map(({ campaignId, recounted }) => ({
    campaign_id: campaignId,
    spent_micros: recounted.spentMicros,
    queued_micros: recounted.queuedMicros,
  }))
  await db.bulkInsert('campaign_spend', rows, {
    key: ['workspace', 'campaign_id'],
    update: ['spent_micros', 'queued_micros'],
  })
  return differences
}

function loadSpend(db: WorkspaceDb, campaignIds?: readonly string[]): Promise<RowOf<'campaign_spend'>[]> {
  if (campaignIds !== undefined) return db.recurring(spendOfCampaigns, { campaignIds })
  return db.selectFrom('campaign_spend').selectAll('campaign_spend').execute()
}

const spendOfCampaigns: RecurringQuery<{ campaignIds: readonly string[] }, RowOf<'campaign_spend'>> = {
  like: { campaignIds: 'keys' },
  build: (db, { campaignIds }) =>
    db.selectByKeys('campaign_spend', 'campaign_id', campaignIds).selectAll('campaign_spend'),
}

function count(spend: CampaignSpend, state: MessageState, micros: number): void {
  if (state === 'queued') spend.queuedMicros += micros
  else if (takenStates.includes(state)) spend.spentMicros += micros
}
