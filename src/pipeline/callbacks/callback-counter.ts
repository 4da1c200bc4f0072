import type { Clock } from '#contracts/clock.ts'
import type { Logger } from '#contracts/logger.ts'
import type { Store } from '#platform/store/store.ts'
import { addCallbackCounts, type CallbackCount } from '../../action/callback-rows.ts'

export interface CallbackCounter {
  count(workspace: string, counts: readonly CallbackCount[]): void
  /** Resolves when what was counted is in the store. */
  flush(): Promise<void>
}

const everyMs = 1000

/**
 * Counts for operators, written once a second: whoever sends us rubbish costs a line in memory, not a
 * transaction each.
 */
export function createCallbackCounter({
  store,
  wallClock,
  logger,
}: {
  store: Store
  wallClock: Clock
  logger: Pick<Logger, 'warn'>
}): CallbackCounter {
  let waiting = new Map<string, CallbackCount[]>()
  let timer: NodeJS.Timeout | null = null
  const flush = async (): Promise<void> => {
    if (timer !== null) clearTimeout(timer)
    timer = null
    if (waiting.size === 0) return
    const taken = waiting
    waiting = new Map()
    await store.transaction(async (tx) => {
      for (const [workspace, counts] of taken)
        await addCallbackCounts(tx.workspace(workspace), counts, wallClock.now())
    })
  }
  return {
    count(workspace, counts) {
      const known = waiting.get(workspace) ?? []
      waiting.set(workspace, known)
      for (const own of counts) {
        const same = known.find(
          ({ provider, outcome }) => provider === own.provider && outcome === own.outcome,
        )
        if (same === undefined) known.push({ ...own })
        else same.count += own.count
      }
      timer ??= setTimeout(() => {
        flush().catch((error) => logger.warn('callbacks could not be counted', { error: String(error) }))
      }, everyMs).unref()
    },
    flush,
  }
}
