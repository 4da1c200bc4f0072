import type { ServerResponse } from 'node:http'
import type { Clock } from '#contracts/clock.ts'
import type { Logger } from '#contracts/logger.ts'
import type { Store } from '#platform/store/store.ts'
import type { Wake } from '#platform/threads/wake.ts'
import { changedInboxes, changesAfter, type InboxRow } from '../action/inbox-rows.ts'
import { customerOfToken } from '../pipeline/customer-of-token.ts'
import type { TokenPrincipal } from './customer-door.ts'
import { inboxItem } from './inbox-view.ts'

export interface InboxStreams {
  /** False, with nothing written, where too many are open. The response is ours from then on. */
  open(stream: {
    principal: TokenPrincipal
    customerId: string
    after: number
    response: ServerResponse
  }): boolean
  /** Ends all; a client comes again to the next server. */
  close(): void
}

export interface InboxStreamLimits {
  streamsMax: number
  streamsPerCustomerMax: number
  /** Another process's changes are seen after this at the latest; changes of this one wake us. */
  pollMs: number
  /** Rounds closer than this are one: a campaign writes thousands of messages a second. */
  roundsApartMs: number
  /** Proxies close what is silent for a minute. */
  heartbeatMs: number
  /** Who takes nothing for this long is gone, or too slow to be waited for. */
  stalledMs: number
}

/** A browser opens at most six connections to a host (HTTP/1.1): more of one customer are several devices. */
export const inboxStreamLimits: InboxStreamLimits = {
  streamsMax: 5000,
  streamsPerCustomerMax: 12,
  pollMs: 1000,
  roundsApartMs: 50,
  heartbeatMs: 15_000,
  stalledMs: 30_000,
}

interface Stream {
  principal: TokenPrincipal
  customerId: string
  response: ServerResponse
  /** Number of the last change that was written. */
  cursor: number
  pumping: boolean
  /** Since when the connection takes nothing more; null while it does. */
  stalledAt: number | null
}

/** Rows read at once: what a slow reader costs us in memory. */
const rowsMax = 50

/**
 * Server-sent events of inboxes. Nothing is queued for a stream: each has a cursor into the table, and reads on
 * when its connection takes more, so that a slow reader costs one page. Changes of any process are found by
 * asking the table which inboxes have moved past their cursors.
 */
export function createInboxStreams(
  parts: { store: Store; wake: Wake; clock: Clock; wallClock: Clock; logger: Pick<Logger, 'warn'> },
  limits: InboxStreamLimits = inboxStreamLimits,
): InboxStreams {
  const { store, wake, clock, wallClock, logger } = parts
  const streams = new Set<Stream>()
  let going = false
  let heart: NodeJS.Timeout | null = null

  const drop = (stream: Stream): void => {
    streams.delete(stream)
    if (streams.size === 0 && heart !== null) {
      clearInterval(heart)
      heart = null
    }
  }

  /** Writes what has changed since its cursor, as far as the connection takes it. */
  const pump = async (stream: Stream): Promise<void> => {
    if (stream.pumping || stream.stalledAt !== null) return
    stream.pumping = true
    try {
      for (let isMore = true; isMore && streams.has(stream) && stream.stalledAt === null; ) {
        const db = store.read.workspace(stream.principal.holder.workspace)
        const rows = await changesAfter(db, stream.customerId, stream.cursor, rowsMax)
        isMore = rows.length === rowsMax
        const now = clock.now()
        const frames = rows.filter((row) => row.expires_at > now).map(frameOf)
        const last = rows.at(-1)
        if (last !== undefined) stream.cursor = last.sequence
        if (frames.length > 0 && streams.has(stream) && !stream.response.write(frames.join(''))) {
          stream.stalledAt = wallClock.now()
        }
      }
    } catch (error) {
      // The store is away: the client comes again with the number it has.
      logger.warn('an inbox stream ended', { reason: String(error) })
      stream.response.end()
      drop(stream)
    } finally {
      stream.pumping = false
    }
  }

  const round = async (): Promise<void> => {
    for (const [workspace, own] of Map.groupBy(streams, ({ principal }) => principal.holder.workspace)) {
      const cursors = new Map<string, number>()
      for (const { customerId, cursor } of own) {
        cursors.set(customerId, Math.min(cursor, cursors.get(customerId) ?? cursor))
      }
      const changed = await changedInboxes(store.read.workspace(workspace), cursors)
      await Promise.all(own.filter(({ customerId }) => changed.has(customerId)).map(pump))
    }
  }

  const goRound = async (): Promise<void> => {
    while (streams.size > 0) {
      const seen = wake.version('inbox')
      try {
        await round()
      } catch (error) {
        logger.warn('inboxes could not be looked at', { reason: String(error) })
      }
      await pause(limits.roundsApartMs)
      if (streams.size > 0) await wake.changed('inbox', seen, limits.pollMs)
    }
    going = false
  }

  const beat = (): void => {
    const now = wallClock.now()
    for (const stream of [...streams]) {
      if (stream.stalledAt !== null) {
        if (now - stream.stalledAt >= limits.stalledMs) stream.response.destroy()
      } else if (now >= stream.principal.expiresAtMs) {
        stream.response.end('event: token-expired\ndata: {}\n\n')
        drop(stream)
      } else {
        stream.response.write(': still here\n\n')
        void followMerge(stream).catch(() => {})
      }
    }
  }

  /** A merge gives the customer's messages to another id. */
  const followMerge = async (stream: Stream): Promise<void> => {
    const { holder } = stream.principal
    stream.customerId = await customerOfToken(store.read.workspace(holder.workspace), holder)
  }

  return {
    open({ principal, customerId, after, response }) {
      const { workspace } = principal.holder
      const own = [...streams].filter(
        (stream) => stream.customerId === customerId && stream.principal.holder.workspace === workspace,
      )
      if (streams.size >= limits.streamsMax || own.length >= limits.streamsPerCustomerMax) return false
      const stream: Stream = {
        principal,
        customerId,
        response,
        cursor: after,
        pumping: false,
        stalledAt: null,
      }
      streams.add(stream)
      response.on('close', () => drop(stream))
      response.on('drain', () => {
        stream.stalledAt = null
        void pump(stream)
      })
      // A client that finds the server gone waits this long before it comes again.
      response.write('retry: 3000\n\n')
      void pump(stream)
      heart ??= setInterval(beat, limits.heartbeatMs).unref()
      if (!going) {
        going = true
        void goRound()
      }
      return true
    },
    close() {
      for (const stream of [...streams]) {
        stream.response.end()
        drop(stream)
      }
      wake.notify('inbox')
    },
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}

function frameOf(row: InboxRow): string {
  return `id: ${row.sequence}\nevent: message\ndata: ${JSON.stringify(inboxItem(row))}\n\n`
}
