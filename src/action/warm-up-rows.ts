import type { WarmUp } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import type { WarmUpFacts } from '#contracts/guardrail.ts'
import { dayUtcOf } from '#platform/ids/ids.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'

const dayMs = 86_400_000
/** All domains that a warm-up does not name count as one. */
const otherDomains = '*'

/** What a warm-up allows one mail today, before it is known what was sent; null where none concerns it. */
export function warmUpOf(
  warmUps: readonly WarmUp[],
  { senderDomain, address }: { senderDomain: string; address: string },
  now: InstantMs,
): Pick<WarmUpFacts, 'senderDomain' | 'recipientDomain' | 'sendsMax' | 'nextDayAt'> | null {
  const warmUp = warmUps.find(({ sender }) => sender === senderDomain)
  if (warmUp === undefined) return null
  const day = dayUtcOf(now)
  const since = day - dayUtcOf(Date.parse(warmUp.startsOn))
  // Before its first day it sends what it may on that.
  const sendsMax = warmUp.dailySends[Math.max(0, since)]
  if (sendsMax === undefined) return null
  const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase()
  const isNamed = warmUp.domains === undefined || warmUp.domains.includes(domain)
  const recipientDomain = isNamed ? domain : otherDomains
  return { senderDomain, recipientDomain, sendsMax, nextDayAt: (day + 1) * dayMs }
}

export function warmUpKey({
  senderDomain,
  recipientDomain,
}: Pick<WarmUpFacts, 'senderDomain' | 'recipientDomain'>): string {
  return `${senderDomain}\u0000${recipientDomain}`
}

/** Sends of the day by `warmUpKey`. Nobody else counts any until the transaction ends. */
export async function lockWarmUpCounts(db: WorkspaceDb, now: InstantMs): Promise<Map<string, number>> {
  await db.lock('warm-up')
  const rows = await db
    .selectFrom('warm_up_counts')
    .selectAll('warm_up_counts')
    .where('warm_up_counts.day_utc', '=', dayUtcOf(now))
    .execute()
  return new Map(
    rows.map((row) => [
      warmUpKey({ senderDomain: row.sender_domain, recipientDomain: row.recipient_domain }),
      row.sends_count,
    ]),
  )
}

/** Counts sends that begin in this transaction. One that fails afterwards has been tried: it counts too. */
export async function addWarmUpCounts(
  db: WorkspaceDb,
  begun: readonly WarmUpFacts[],
  now: InstantMs,
): Promise<void> {
  if (begun.length === 0) return
  const rows = [...Map.groupBy(begun, warmUpKey).values()].map((own) => ({
    sender_domain: own[0]!.senderDomain,
    recipient_domain: own[0]!.recipientDomain,
    day_utc: dayUtcOf(now),
    sends_count: own.length,
  }))
  await db.bulkInsert('warm_up_counts', rows, {
    key: ['workspace', 'sender_domain', 'recipient_domain', 'day_utc'],
    update: [],
    add: ['sends_count'],
  })
}
