import { getFile } from '../../action/http/http-get.ts'
import { listWorkspaces } from '../../campaign/workspaces.ts'
import { feedRows, isDue } from '../../items/feeds/feed-rows.ts'
import { type FeedParts, takeFeed } from '../../items/feeds/take-feed.ts'
import { audit } from '../change-workspace.ts'
import type { RoleParts } from '../engine-parts.ts'

/** Fetching feeds, beside whatever else the role does. */
export interface FeedWork {
  /** Begins with what is due, unless it is at it already. */
  look(): void
  /** Resolves when what is under way has ended; nothing begins any more. */
  stop(): Promise<void>
  /** All that is due now, for tests and simulation: to the end. */
  run(): Promise<number>
}

const timeoutMs = 120_000

export function createFeedWork(parts: RoleParts): FeedWork {
  const { store, wallClock, clock, logger, settings } = parts
  const feedParts: FeedParts = {
    store,
    wallClock,
    fetch: {
      get: (call) => getFile(call, { timeoutMs, publicOnly: !settings.feedPrivateHosts }),
    },
    taken: (tx, workspace, feedId, items) =>
      audit(tx, { workspace, actor: `feed ${feedId}` }, clock.now(), 'items.feed', feedId, '', { items }),
  }
  let isStopped = false
  const run = async (): Promise<number> => {
    let taken = 0
    for (const { workspace } of await listWorkspaces(store.read)) {
      for (const feed of await feedRows(store.read.workspace(workspace))) {
        if (isStopped || !isDue(feed, wallClock.now())) continue
        const result = await takeFeed(feedParts, workspace, feed)
        if (result !== null) taken += 1
        if (result === 'refused' || result === 'failed')
          logger.warn(`a feed was ${result}`, { workspace, feedId: feed.feed_id })
      }
    }
    return taken
  }
  let underWay: Promise<unknown> | null = null
  return {
    run,
    look() {
      if (underWay !== null || isStopped) return
      underWay = run()
        .catch((error: unknown) => logger.error('feeds could not be fetched', { error: String(error) }))
        .finally(() => {
          underWay = null
        })
    },
    async stop() {
      isStopped = true
      await underWay
    },
  }
}
