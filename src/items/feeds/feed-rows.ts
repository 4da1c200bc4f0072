import { randomBytes } from 'node:crypto'
import type { InstantMs } from '#contracts/clock.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'

export type FeedRow = RowOf<'item_feeds'>

export const feedsMax = 10

export interface FeedReport {
  detail: string
  /** Rows of the file. */
  rows: number
  /** The first of those that were refused. */
  refused: { line: number; field: string; detail: string }[]
  refusedTotal: number
}

export const emptyReport: FeedReport = { detail: '', rows: 0, refused: [], refusedTotal: 0 }

/** What an operator sees: never the secret. */
export interface Feed {
  feedId: string
  url: string
  everyMs: number
  state: 'active' | 'paused'
  items: number
  signedAt: InstantMs
  triedAt: InstantMs
  takenAt: InstantMs
  nextAt: InstantMs
  result: FeedRow['result']
  report: FeedReport
}

export async function listFeeds(db: WorkspaceDb): Promise<Feed[]> {
  const rows = await feedRows(db)
  return rows.map(feedOf)
}

/** By id. */
export async function feedRows(db: WorkspaceDb): Promise<FeedRow[]> {
  return db.selectFrom('item_feeds').selectAll('item_feeds').orderBy('item_feeds.feed_id').execute()
}

/**
 * Makes a feed, or changes where and how often it is fetched; it is fetched at once. Resolves to the secret of a
 * new one, which is shown this once; null where there are as many as may be.
 */
export async function saveFeed(
  db: WorkspaceDb,
  feed: Pick<Feed, 'feedId' | 'url' | 'everyMs' | 'state'>,
  now: InstantMs,
): Promise<{ secret: string | null } | null> {
  const rows = await feedRows(db)
  const own = { url: feed.url, every_ms: feed.everyMs, state: feed.state, etag: '', next_at: now }
  if (rows.some((row) => row.feed_id === feed.feedId)) {
    await db.updateTable('item_feeds').set(own).where('item_feeds.feed_id', '=', feed.feedId).execute()
    return { secret: null }
  }
  if (rows.length >= feedsMax) return null
  const secret = `whsec_${randomBytes(32).toString('base64')}`
  const fresh = {
    ...own,
    feed_id: feed.feedId,
    secret,
    edition: '',
    editions: 0,
    signed_at: 0,
    items: 0,
    lease_until: 0,
    tried_at: 0,
    taken_at: 0,
    result: '' as const,
    report_json: JSON.stringify(emptyReport),
    created_at: now,
  }
  await db.bulkInsert('item_feeds', [fresh], 'fail')
  return { secret }
}

/** As soon as may be, even what is there already. False where there is no such feed. */
export async function fetchSoon(db: WorkspaceDb, feedId: string, now: InstantMs): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('item_feeds')
    .set({ next_at: now, etag: '' })
    .where('item_feeds.feed_id', '=', feedId)
    .executeTakeFirstOrThrow()
  return numUpdatedRows > 0n
}

/** Its items are read no longer from here on; they are cleared away by the caller. */
export async function deleteFeed(db: WorkspaceDb, feedId: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('item_feeds')
    .where('item_feeds.feed_id', '=', feedId)
    .executeTakeFirstOrThrow()
  return numDeletedRows > 0n
}

/** Those whose time has come and that nobody is at. */
export function isDue(row: FeedRow, wallNow: InstantMs): boolean {
  return row.state === 'active' && row.next_at <= wallNow && row.lease_until <= wallNow
}

/** Takes a feed to fetch it; false where somebody else was faster. The number of its next edition is ours. */
export async function leaseFeed(
  db: WorkspaceDb,
  row: FeedRow,
  { wallNow, leaseUntil }: { wallNow: InstantMs; leaseUntil: InstantMs },
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('item_feeds')
    .set({ lease_until: leaseUntil, tried_at: wallNow, editions: row.editions + 1 })
    .where('item_feeds.feed_id', '=', row.feed_id)
    .where('item_feeds.editions', '=', row.editions)
    .where('item_feeds.lease_until', '<=', wallNow)
    .executeTakeFirstOrThrow()
  return numUpdatedRows > 0n
}

/** Ends a lease with what came of it; false where the feed was removed or taken over meanwhile. */
export async function settleFeed(
  db: WorkspaceDb,
  leased: FeedRow,
  values: Partial<FeedRow>,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('item_feeds')
    .set({ ...values, lease_until: 0 })
    .where('item_feeds.feed_id', '=', leased.feed_id)
    .where('item_feeds.editions', '=', leased.editions + 1)
    .executeTakeFirstOrThrow()
  return numUpdatedRows > 0n
}

export function editionOf(feedId: string, number: number): string {
  return `${feedId}@${number}`
}

/** An edition of a feed that nobody reads and nobody writes; null where none is left. */
export async function staleEdition(
  db: WorkspaceDb,
  feedId: string,
  keep: readonly string[],
): Promise<string | null> {
  const found = await db
    .selectFrom('items')
    .select('items.edition')
    .where('items.edition', '>', `${feedId}@`)
    // The sign after @: every edition of the feed and no other.
    .where('items.edition', '<', `${feedId}A`)
    .where('items.edition', 'not in', ['', ...keep])
    .limit(1)
    .executeTakeFirst()
  return found?.edition ?? null
}

function feedOf(row: FeedRow): Feed {
  return {
    feedId: row.feed_id,
    url: row.url,
    everyMs: row.every_ms,
    state: row.state,
    items: row.items,
    signedAt: row.signed_at,
    triedAt: row.tried_at,
    takenAt: row.taken_at,
    nextAt: row.next_at,
    result: row.result,
    report: JSON.parse(row.report_json) as FeedReport,
  }
}
