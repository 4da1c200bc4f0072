import type { Clock } from '#contracts/clock.ts'
import type { Store, StoreTransaction } from '#platform/store/store.ts'
import { clearAway, insertEdition, itemsElsewhere } from '../item-rows.ts'
import {
  editionOf,
  emptyReport,
  type FeedReport,
  type FeedRow,
  leaseFeed,
  settleFeed,
  staleEdition,
} from './feed-rows.ts'
import { checkFeedSignature } from './feed-signature.ts'
import { readFeed } from './read-feed.ts'

/** Fetches an address: declared here, given by whoever joins the rooms. */
export interface FetchPort {
  get(call: { url: string; headers: Record<string, string>; bytesMax: number }): Promise<Fetched>
}

export type Fetched =
  | {
      kind: 'answer'
      status: number
      headers: Readonly<Record<string, string | string[] | undefined>>
      body: Buffer
    }
  | { kind: 'failed'; reason: string }

export interface FeedParts {
  store: Store
  wallClock: Clock
  fetch: FetchPort
  /** In the transaction in which an edition becomes the one that is read. */
  taken(tx: StoreTransaction, workspace: string, feedId: string, items: number): Promise<void>
}

/** Largest feed that is taken. */
export const feedBytesMax = 64 * 1024 * 1024
/** Longer than fetching and writing the largest takes. */
const leaseMs = 900_000
/** After a failure it is tried again sooner than its turn. */
const retryMs = 300_000
const clearedPerStep = 500

/**
 * Fetches a feed that is due: leased → fetched → signature checked → an edition written beside the one that is
 * read → that edition is read. Whatever is wrong on the way, the edition before stays, whole. Resolves to what
 * came of it; null where somebody else is at it.
 */
export async function takeFeed(
  parts: FeedParts,
  workspace: string,
  feed: FeedRow,
): Promise<FeedRow['result'] | null> {
  const { store, wallClock } = parts
  const wallNow = wallClock.now()
  const isOurs = await store.transaction((tx) =>
    leaseFeed(tx.workspace(workspace), feed, { wallNow, leaseUntil: wallNow + leaseMs }),
  )
  if (!isOurs) return null
  const edition = editionOf(feed.feed_id, feed.editions + 1)
  let end: End
  try {
    end = await fetchAndStage(parts, workspace, feed, edition)
  } catch (error) {
    end = { result: 'failed', report: { ...emptyReport, detail: String(error) } }
  }
  const isSettled = await settle(parts, workspace, { feed, edition }, end)
  await clear(store, workspace, feed.feed_id, [isSettled && end.result === 'taken' ? edition : feed.edition])
  return end.result
}

type End = { result: FeedRow['result']; report: FeedReport } & Partial<
  Pick<FeedRow, 'etag' | 'signed_at' | 'items'>
>

async function fetchAndStage(
  { store, wallClock, fetch }: FeedParts,
  workspace: string,
  feed: FeedRow,
  edition: string,
): Promise<End> {
  const conditional = feed.etag === '' ? {} : { 'if-none-match': feed.etag }
  const answer = await fetch.get({
    url: feed.url,
    headers: { accept: 'text/csv', 'accept-encoding': 'identity', ...conditional },
    bytesMax: feedBytesMax,
  })
  const failed = (detail: string): End => ({ result: 'failed', report: { ...emptyReport, detail } })
  if (answer.kind === 'failed') return failed(answer.reason)
  if (answer.status === 304) return { result: 'unchanged', report: emptyReport }
  if (answer.status !== 200) return failed(`it was answered with ${answer.status}`)
  const etag = typeof answer.headers.etag === 'string' ? answer.headers.etag : ''
  const refused = (detail: string): End => ({ result: 'refused', report: { ...emptyReport, detail }, etag })
  const signed = checkFeedSignature(answer, feed.secret, wallClock.now())
  if (signed.kind === 'refused') return refused(signed.detail)
  if (signed.at < feed.signed_at) return refused('it is older than what was taken before')
  await clear(store, workspace, feed.feed_id, [feed.edition])
  const { report, items } = await readFeed(answer.body, (some) =>
    store.transaction(async (tx) => {
      const db = tx.workspace(workspace)
      const ids = some.map(({ id }) => id)
      const elsewhere = await itemsElsewhere(db, ids, feed.edition)
      if (elsewhere.length > 0)
        return new Map(elsewhere.map((id) => [id, `${id} is an item of another source`]))
      await insertEdition(db, edition, some, wallClock.now())
      return new Map()
    }),
  )
  if (report.detail !== '') return { result: 'refused', report, etag }
  return { result: 'taken', report, etag, signed_at: signed.at, items }
}

/** False where the feed was removed meanwhile. */
async function settle(
  { store, wallClock, taken }: FeedParts,
  workspace: string,
  { feed, edition }: { feed: FeedRow; edition: string },
  { result, report, ...values }: End,
): Promise<boolean> {
  const now = wallClock.now()
  const again = result === 'failed' ? Math.min(retryMs, feed.every_ms) : feed.every_ms
  return store.transaction(async (tx) => {
    const db = tx.workspace(workspace)
    if (result === 'taken') await db.lock('items')
    const isSettled = await settleFeed(db, feed, {
      ...values,
      ...(result === 'taken' ? { edition, taken_at: now } : {}),
      result,
      report_json: JSON.stringify(report),
      next_at: now + again,
    })
    if (isSettled && result === 'taken') await taken(tx, workspace, feed.feed_id, values.items ?? 0)
    return isSettled
  })
}

/** Takes editions away that nobody reads, in small steps: others wait for the store meanwhile. */
export async function clear(
  store: Store,
  workspace: string,
  feedId: string,
  keep: readonly string[],
): Promise<void> {
  for (;;) {
    const stale = await staleEdition(store.read.workspace(workspace), feedId, keep)
    if (stale === null) return
    for (let cleared = 1; cleared > 0; ) {
      cleared = await store.transaction((tx) => clearAway(tx.workspace(workspace), stale, clearedPerStep))
    }
  }
}
