import type { ChannelName } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import type { ContactSlot } from '#contracts/guardrail.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'

/** What placements were given. A rank that is there already stays as it is. */
export async function insertRanks(db: WorkspaceDb, rows: WorkspaceRowOf<'decision_ranks'>[]): Promise<void> {
  if (rows.length > 0) await db.bulkInsert('decision_ranks', rows, 'ignore')
}

/** By decision id. */
export async function loadRanks(
  db: WorkspaceDb,
  decisionIds: readonly string[],
): Promise<Map<string, RowOf<'decision_ranks'>>> {
  if (decisionIds.length === 0) return new Map()
  const rows = await db
    .selectByKeys('decision_ranks', 'decision_id', decisionIds)
    .selectAll('decision_ranks')
    .execute()
  return new Map(rows.map((row) => [row.decision_id, row]))
}

/** Writes what was told of ranks: that they were shown, and what an operator said. */
export async function updateRanks(db: WorkspaceDb, rows: RowOf<'decision_ranks'>[]): Promise<void> {
  if (rows.length === 0) return
  const own = rows.map(({ workspace: _, ...row }) => row)
  await db.bulkInsert('decision_ranks', own, {
    key: ['workspace', 'decision_id', 'day_utc'],
    update: ['exposed_at', 'response', 'response_reason', 'response_by', 'responded_at'],
  })
}

/**
 * The cap slots of these customers at placements, decided at `since` or later: those shown, and those that may
 * still be shown. Customers without any are absent.
 */
export async function loadRankSlots(
  db: WorkspaceDb,
  customerIds: readonly string[],
  { since, now }: { since: InstantMs; now: InstantMs },
): Promise<Map<string, ContactSlot[]>> {
  const slots = new Map<string, ContactSlot[]>()
  if (customerIds.length === 0) return slots
  const rows = await db.recurring(slotsOfCustomers, { customerIds, since, now })
  for (const row of rows) {
    const slot = rankSlot({
      decisionId: row.decision_id,
      channel: row.channel as ChannelName,
      campaignId: row.campaign_id,
      decidedAt: row.decided_at,
      exposedAt: row.exposed_at,
      expiresAt: row.expires_at,
    })
    const own = slots.get(row.customer_id)
    if (own === undefined) slots.set(row.customer_id, [slot])
    else own.push(slot)
  }
  return slots
}

const slotsOfCustomers: RecurringQuery<
  { customerIds: readonly string[]; since: number; now: number },
  Pick<
    RowOf<'decision_ranks'>,
    'customer_id' | 'decision_id' | 'channel' | 'campaign_id' | 'decided_at' | 'exposed_at' | 'expires_at'
  >
> = {
  like: { customerIds: 'keys', since: 'number', now: 'number' },
  build: (db, { customerIds, since, now }) =>
    db
      .selectByKeys('decision_ranks', 'customer_id', customerIds)
      .select(['decision_ranks.customer_id', 'decision_ranks.decision_id', 'decision_ranks.channel'])
      .select(['decision_ranks.campaign_id', 'decision_ranks.decided_at', 'decision_ranks.exposed_at'])
      .select('decision_ranks.expires_at')
      .where('decision_ranks.decided_at', '>=', since)
      .where((eb) =>
        eb.or([eb('decision_ranks.exposed_at', 'is not', null), eb('decision_ranks.expires_at', '>', now)]),
      ),
}

/** The slot of one rank: `queued` until it was shown, `sent` from then on. */
export function rankSlot(rank: {
  decisionId: string
  channel: ChannelName
  campaignId: string
  decidedAt: InstantMs
  exposedAt: InstantMs | null
  expiresAt: InstantMs
}): ContactSlot {
  return {
    messageId: rank.decisionId,
    channel: rank.channel,
    campaignId: rank.campaignId,
    state: rank.exposedAt === null ? 'queued' : 'sent',
    at: rank.exposedAt ?? rank.decidedAt,
    transactional: false,
    ...(rank.exposedAt === null ? { givenUntil: rank.expiresAt } : {}),
  }
}

/** After a merge: what was shown to one customer counts for the other. */
export async function moveRanks(db: WorkspaceDb, from: string, into: string): Promise<void> {
  await db
    .updateTable('decision_ranks')
    .set({ customer_id: into })
    .where('decision_ranks.customer_id', '=', from)
    .execute()
}
