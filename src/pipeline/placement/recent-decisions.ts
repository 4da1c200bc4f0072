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

export function createRecentDecisions(wallClock: Clock): RecentDecisions {
  /** Oldest first. */
  const ranks = new Map<
    string,
    { customerKey: string; customerId: string; decisionId: string; until: number }
  >()
  const slotsOf = new Map<string, Map<string, ContactSlot>>()

  const forgetOld = (now: number): void => {
    for (const [key, { customerKey, decisionId, until }] of ranks) {
      if (until > now && ranks.size <= ranksMax) return
      ranks.delete(key)
      const slots = slotsOf.get(customerKey)
      slots?.delete(decisionId)
      if (slots?.size === 0) slotsOf.delete(customerKey)
    }
  }

  return {
    add(workspace, customerId, slots) {
      const now = wallClock.now()
      const customerKey = keyOf(workspace, customerId)
      const own = slotsOf.get(customerKey) ?? new Map<string, ContactSlot>()
      for (const slot of slots) {
        const decisionId = slot.messageId
        own.set(decisionId, slot)
        ranks.set(keyOf(workspace, decisionId), { customerKey, customerId, decisionId, until: now + keptMs })
      }
      if (own.size > 0) slotsOf.set(customerKey, own)
      forgetOld(now)
    },
    withRecent(workspace, customerId, stored) {
      const recent = slotsOf.get(keyOf(workspace, customerId))
      if (recent === undefined) return stored
      const known = new Set(stored.map(({ messageId }) => messageId))
      const missing = [...recent.values()].filter(({ messageId }) => !known.has(messageId))
      return missing.length === 0 ? stored : [...stored, ...missing]
    },
    customerOf: (workspace, decisionId) => ranks.get(keyOf(workspace, decisionId))?.customerId,
  }
}

function keyOf(workspace: string, id: string): string {
  return `${workspace}\u0000${id}`
}
