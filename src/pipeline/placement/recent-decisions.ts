import type { Clock } from '#contracts/clock.ts'
import type { ContactSlot } from '#contracts/guardrail.ts'

/**
 * The worker stores a decision some milliseconds after its answer; where it stands still, the oldest are
 * forgotten after these.
 */
const keptMs = 300_000
const ranksMax = 50_000

/** What this process has answered and the worker may not have stored yet. */
export interface RecentDecisions {
  /** Remembers the ranks of a decision by their slots. */
  add(workspace: string, customerId: string, slots: readonly ContactSlot[]): void
  /** The stored slots of a customer, and those that are not stored yet. */
  withRecent(workspace: string, customerId: string, stored: ContactSlot[]): ContactSlot[]
  /** Whose decision it is; undefined where this process did not make it lately. */
  customerOf(workspace: string, decisionId: string): string | undefined
}

/** One object a rank: at 500 decisions a second tens of thousands grow old and are marked again and again. */
interface RecentRank {
  customerKey: string
  customerId: string
  slot: ContactSlot
  until: number
  /** Of the same customer. */
  older: RecentRank | null
  newer: RecentRank | null
}

export function createRecentDecisions(wallClock: Clock): RecentDecisions {
  /** Oldest first. */
  const byDecision = new Map<string, RecentRank>()
  /** The newest of each customer. */
  const byCustomer = new Map<string, RecentRank>()

  const forget = (decisionKey: string, { customerKey, older, newer }: RecentRank): void => {
    byDecision.delete(decisionKey)
    if (older !== null) older.newer = newer
    if (newer !== null) newer.older = older
    else if (older !== null) byCustomer.set(customerKey, older)
    else byCustomer.delete(customerKey)
  }
  const forgetOld = (now: number): void => {
    for (const [decisionKey, rank] of byDecision) {
      if (rank.until > now && byDecision.size <= ranksMax) return
      forget(decisionKey, rank)
    }
  }

  return {
    add(workspace, customerId, slots) {
      const now = wallClock.now()
      const customerKey = keyOf(workspace, customerId)
      for (const slot of slots) {
        const decisionKey = keyOf(workspace, slot.messageId)
        const same = byDecision.get(decisionKey)
        if (same !== undefined) forget(decisionKey, same)
        const older = byCustomer.get(customerKey) ?? null
        const rank = { customerKey, customerId, slot, until: now + keptMs, older, newer: null }
        if (older !== null) older.newer = rank
        byCustomer.set(customerKey, rank)
        byDecision.set(decisionKey, rank)
      }
      forgetOld(now)
    },
    withRecent(workspace, customerId, stored) {
      const newest = byCustomer.get(keyOf(workspace, customerId))
      if (newest === undefined) return stored
      const known = new Set(stored.map(({ messageId }) => messageId))
      const missing: ContactSlot[] = []
      for (let rank: RecentRank | null = newest; rank !== null; rank = rank.older)
        if (!known.has(rank.slot.messageId)) missing.unshift(rank.slot)
      return missing.length === 0 ? stored : [...stored, ...missing]
    },
    customerOf: (workspace, decisionId) => byDecision.get(keyOf(workspace, decisionId))?.customerId,
  }
}

function keyOf(workspace: string, id: string): string {
  return `${workspace}\u0000${id}`
}
