import { isPrivateAddress } from '../action/http/private-address.ts'
import { deleteFeed, type Feed, fetchSoon, saveFeed } from '../items/feeds/feed-rows.ts'
import { clear } from '../items/feeds/take-feed.ts'
import type { ItemParts } from './change-items.ts'
import { audit, type Change } from './change-workspace.ts'

/** Why it cannot be a feed's address; null where it can. What a name resolves to is asked at each fetch. */
export function feedUrlFault(url: string, { privateHosts }: { privateHosts: boolean }): string | null {
  const parsed = URL.parse(url)
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return 'must be an address of http or https'
  if (parsed.username !== '' || parsed.password !== '') return 'must hold no user name or password'
  const { hostname } = parsed
  if (!privateHosts && (isPrivateAddress(hostname) || hostname === 'localhost'))
    return `${hostname} is no host of the internet; feedPrivateHosts allows it`
  return null
}

/** Resolves to the secret of a new feed; null where there are as many as may be. */
export async function saveItemFeed(
  { store, clock, wallClock }: ItemParts,
  change: Change & { feed: Pick<Feed, 'feedId' | 'url' | 'everyMs' | 'state'> },
): Promise<{ secret: string | null } | null> {
  return store.transaction(async (tx) => {
    const { feed } = change
    const saved = await saveFeed(tx.workspace(change.workspace), feed, wallClock.now())
    if (saved !== null) await audit(tx, change, clock.now(), 'item-feed.save', feed.feedId, feed.url)
    return saved
  })
}

export async function fetchItemFeed(
  { store, wallClock }: ItemParts,
  { workspace, feedId }: Change & { feedId: string },
): Promise<boolean> {
  return store.transaction((tx) => fetchSoon(tx.workspace(workspace), feedId, wallClock.now()))
}

/** With its items. Resolves to whether there was one. */
export async function removeItemFeed(
  { store, clock }: ItemParts,
  change: Change & { feedId: string },
): Promise<boolean> {
  const isRemoved = await store.transaction(async (tx) => {
    const db = tx.workspace(change.workspace)
    await db.lock('items')
    const removed = await deleteFeed(db, change.feedId)
    if (removed) await audit(tx, change, clock.now(), 'item-feed.delete', change.feedId)
    return removed
  })
  if (isRemoved) await clear(store, change.workspace, change.feedId, [])
  return isRemoved
}
