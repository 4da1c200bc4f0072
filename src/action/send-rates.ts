import { sql } from 'kysely'
import type { InstantMs } from '#contracts/clock.ts'
import type { DeliveryKind } from '#contracts/delivery.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'

/** What came of a campaign's sends since an instant, as far as it was told. */
export interface SendRates {
  campaignId: string
  /** Sent, and refused at once because of the address. */
  sends: number
  delivered: number
  hardBounces: number
  softBounces: number
  complaints: number
}

const counted = {
  delivered: 'delivered',
  'hard-bounce': 'hardBounces',
  'soft-bounce': 'softBounces',
  complaint: 'complaints',
} as const satisfies Partial<Record<DeliveryKind, keyof SendRates>>

/** Messages that went out since then, each counted once for each kind of thing that was told of it. */
export async function sendRates(db: WorkspaceDb, campaignId: string, since: InstantMs): Promise<SendRates> {
  const rates: SendRates = {
    campaignId,
    sends: await countSent(db, campaignId, since),
    delivered: 0,
    hardBounces: 0,
    softBounces: 0,
    complaints: 0,
  }
  const rows = await db
    .selectFrom('message_events')
    .innerJoin('messages', (join) =>
      join
        .onRef('messages.workspace', '=', 'message_events.workspace')
        .onRef('messages.message_id', '=', 'message_events.message_id'),
    )
    .where('message_events.campaign_id', '=', campaignId)
    .where('message_events.kind', 'in', Object.keys(counted))
    .where('message_events.occurred_at', '>=', since)
    .where('messages.sending_at', '>=', since)
    .select((eb) => [
      'message_events.kind',
      'messages.state',
      sql<number | string>`count(distinct ${eb.ref('message_events.message_id')})`.as('count'),
    ])
    .groupBy(['message_events.kind', 'messages.state'])
    .execute()
  for (const { kind, state, count } of rows) {
    rates[counted[kind as keyof typeof counted]] += Number(count)
    if (kind === 'hard-bounce' && state === 'failed') rates.sends += Number(count)
  }
  return rates
}

/** Campaigns of which a hard bounce or a complaint was told since then: only those may have to pause. */
export async function campaignsInTrouble(db: WorkspaceDb, since: InstantMs): Promise<Set<string>> {
  const rows = await db
    .selectFrom('message_events')
    .where('message_events.kind', 'in', ['hard-bounce', 'complaint'])
    .where('message_events.occurred_at', '>=', since)
    .select('message_events.campaign_id')
    .distinct()
    .execute()
  return new Set(rows.map((row) => row.campaign_id))
}

async function countSent(db: WorkspaceDb, campaignId: string, since: InstantMs): Promise<number> {
  const row = await db
    .selectFrom('messages')
    .where('messages.campaign_id', '=', campaignId)
    .where('messages.sending_at', '>=', since)
    // Written out: the index holds what was sent alone, and is used where the query says so.
    .where(sql<boolean>`messages.state = 'sent'`)
    .select((eb) => eb.fn.countAll<number | string>().as('count'))
    .executeTakeFirstOrThrow()
  return Number(row.count)
}
