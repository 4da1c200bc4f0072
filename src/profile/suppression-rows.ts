import type { ChannelName } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import { e164 } from '#platform/phone/e164.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'

export interface Suppression {
  channel: ChannelName
  address: string
  /** `hard-bounce`, `complaint`, `manual`, … */
  reason: string
  detail: string
  createdAt: InstantMs
}

/** Reasons by `channel NUL address`, the address as it was asked for. */
export async function loadSuppressions(db: WorkspaceDb, addresses: string[]): Promise<Map<string, string>> {
  const reasons = new Map<string, string>()
  if (addresses.length === 0) return reasons
  const asked = new Set(addresses.flatMap((address) => [address, normalAddress('email', address)]))
  const rows = await db.recurring(ofAddresses, { addresses: [...asked] })
  if (rows.length === 0) return reasons
  const known = new Map(rows.map((row) => [keyOf(row.channel, row.address), row.reason]))
  for (const address of addresses) {
    for (const channel of channels) {
      const reason = known.get(keyOf(channel, normalAddress(channel, address)))
      if (reason !== undefined) reasons.set(keyOf(channel, address), reason)
    }
  }
  return reasons
}

const channels: ChannelName[] = ['email', 'sms', 'push', 'in-app', 'webhook']

const ofAddresses: RecurringQuery<
  { addresses: readonly string[] },
  Pick<RowOf<'suppressions'>, 'channel' | 'address' | 'reason'>
> = {
  like: { addresses: 'keys' },
  build: (db, { addresses }) =>
    db
      .selectByKeys('suppressions', 'address', addresses)
      // The key's second column: without it the whole workspace is read.
      .where('suppressions.channel', 'in', channels)
      .select(['suppressions.channel', 'suppressions.address', 'suppressions.reason']),
}

/** Notes that an address must not be written to. The first reason stays; doing it again changes nothing. */
export async function suppress(
  db: WorkspaceDb,
  { now, ...fact }: Omit<Suppression, 'createdAt'> & { now: InstantMs },
): Promise<void> {
  await suppressMany(db, [{ ...fact, createdAt: now }])
}

/** The same for many, in one statement. */
export async function suppressMany(db: WorkspaceDb, facts: readonly Suppression[]): Promise<void> {
  const rows = new Map<string, Omit<RowOf<'suppressions'>, 'workspace'>>()
  for (const { channel, address: given, reason, detail, createdAt } of facts) {
    const address = normalAddress(channel, given)
    const key = keyOf(channel, address)
    if (!rows.has(key)) rows.set(key, { channel, address, reason, detail, created_at: createdAt })
  }
  if (rows.size > 0) await db.bulkInsert('suppressions', [...rows.values()], 'ignore')
}

/** Resolves to whether there was such a suppression. */
export async function unsuppress(
  db: WorkspaceDb,
  { channel, address }: Pick<Suppression, 'channel' | 'address'>,
): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('suppressions')
    .where('suppressions.channel', '=', channel)
    .where('suppressions.address', '=', normalAddress(channel, address))
    .executeTakeFirstOrThrow()
  return numDeletedRows > 0n
}

/** Why an address is suppressed; null where it is not. */
export async function suppressionReason(
  db: WorkspaceDb,
  { channel, address }: Pick<Suppression, 'channel' | 'address'>,
): Promise<string | null> {
  const row = await db
    .selectFrom('suppressions')
    .select('suppressions.reason')
    .where('suppressions.channel', '=', channel)
    .where('suppressions.address', '=', normalAddress(channel, address))
    .executeTakeFirst()
  return row?.reason ?? null
}

/** Pages through all, by channel and address; `after` is the last one of the page before. */
export async function listSuppressions(
  db: WorkspaceDb,
  { after, limit }: { after?: Pick<Suppression, 'channel' | 'address'>; limit: number },
): Promise<Suppression[]> {
  let page = db.selectFrom('suppressions').selectAll('suppressions')
  if (after !== undefined) {
    // As one value, which the key's order answers: an "or" reads all of them again for every page.
    page = page.where(({ eb, refTuple, tuple }) =>
      eb(refTuple('suppressions.channel', 'suppressions.address'), '>', tuple(after.channel, after.address)),
    )
  }
  const rows = await page
    .orderBy('suppressions.channel')
    .orderBy('suppressions.address')
    .limit(limit)
    .execute()
  return rows.map(suppressionOf)
}

const pageRows = 5000

/** All of them, by channel and address. */
export async function* eachSuppressionPage(db: WorkspaceDb): AsyncGenerator<Suppression[]> {
  let after: Suppression | undefined
  for (;;) {
    const page = await listSuppressions(db, { limit: pageRows, ...(after === undefined ? {} : { after }) })
    if (page.length > 0) yield page
    after = page.at(-1)
    if (page.length < pageRows) return
  }
}

/** As suppressions hold it: e-mail in lower case, a number without what people write between its digits. */
export function normalAddress(channel: ChannelName, address: string): string {
  const trimmed = address.trim()
  if (channel === 'email') return trimmed.toLowerCase()
  if (channel !== 'sms') return trimmed
  const digits = trimmed.replace(/[\s().-]/g, '').replace(/^00/, '+')
  return e164(trimmed.replace(/^00/, '+')) ?? digits
}

function keyOf(channel: string, address: string): string {
  return `${channel}\u0000${address}`
}

function suppressionOf({ channel, address, reason, detail, created_at }: RowOf<'suppressions'>): Suppression {
  return { channel: channel as ChannelName, address, reason, detail, createdAt: created_at }
}
