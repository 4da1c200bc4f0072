import type { CapAnswer, CapCache, CapRule, KeptSend } from '#contracts/cap-cache.ts'
import type { Clock, InstantMs } from '#contracts/clock.ts'
import { type CapEntry, capCampaignKey, entriesMax, entriesOf, entryOf, messageKeyOf } from './cap-entries.ts'
import { changedMs } from './cap-scripts.ts'
import { capListMs } from './redis-cap-cache.ts'

interface Kept {
  /** Null: something changed while nothing was kept. */
  entries: CapEntry[] | null
  endsAt: InstantMs
}

/** The same within one process, in a map of at most `customersMax` customers; the oldest make room. */
export function createInProcessCapCache(options: {
  /** Lists end by it. */
  wallClock: Clock
  listMs?: number
  customersMax?: number
}): CapCache {
  const { wallClock, listMs = capListMs, customersMax = 100_000 } = options
  const kept = new Map<string, Kept>()
  const find = (key: string): Kept | undefined => {
    const found = kept.get(key)
    return found !== undefined && found.endsAt > wallClock.now() ? found : undefined
  }
  const put = (key: string, entries: CapEntry[] | null, forMs: number): void => {
    kept.delete(key)
    kept.set(key, { entries, endsAt: wallClock.now() + forMs })
    for (const oldest of kept.keys()) {
      if (kept.size <= customersMax) break
      kept.delete(oldest)
    }
  }
  /** Changes a list that is kept; where none is, remembers that something changed. */
  const change = (key: string, changed: (entries: CapEntry[]) => CapEntry[]): void => {
    const found = find(key)
    if (found?.entries) found.entries = changed(found.entries)
    else put(key, null, changedMs)
  }
  return {
    async check(workspace, questions) {
      return questions.map(({ customerId, rules }) => {
        const entries = find(keyOf(workspace, customerId))?.entries
        return entries ? answerOf(entries, rules) : { kind: 'unknown' }
      })
    },
    async rebuild(workspace, customerIds, since, load) {
      const startedAt = wallClock.now()
      const slots = await load()
      if (wallClock.now() - startedAt >= changedMs) return slots
      for (const customerId of customerIds) {
        const key = keyOf(workspace, customerId)
        if (find(key) === undefined) put(key, entriesOf(slots.get(customerId) ?? [], since), listMs)
      }
      return slots
    },
    async note(workspace, sends) {
      for (const send of sends) {
        const entry = entryOf(send)
        change(keyOf(workspace, send.customerId), (entries) =>
          [entry, ...without(entries, entry.messageKey)].sort((a, b) => b.at - a.at).slice(0, entriesMax),
        )
      }
    },
    async takeBack(workspace, sends) {
      for (const { customerId, messageId } of sends) {
        change(keyOf(workspace, customerId), (entries) => without(entries, messageKeyOf(messageId)))
      }
    },
  }
}

function answerOf(entries: CapEntry[], rules: readonly CapRule[]): CapAnswer {
  const full = rules.flatMap((rule, index) => (isFull(entries, rule) ? [index] : []))
  if (full.length === 0) return { kind: 'free' }
  return { kind: 'full', rules: full, sends: () => entries.map((entry) => ({ ...entry })) }
}

function isFull(sends: readonly KeptSend[], { sendsMax, since, channel, campaignId }: CapRule): boolean {
  const campaignKey = campaignId === undefined ? undefined : capCampaignKey(campaignId)
  let used = 0
  for (const send of sends) {
    if (send.at < since) break
    if (channel !== undefined && send.channel !== channel) continue
    if (campaignKey !== undefined && send.campaignKey !== campaignKey) continue
    used++
  }
  return used >= sendsMax
}

function without(entries: CapEntry[], messageKey: string): CapEntry[] {
  return entries.filter((entry) => entry.messageKey !== messageKey)
}

function keyOf(workspace: string, customerId: string): string {
  return `${workspace}\u0000${customerId}`
}
