import type { Store, StoreScope } from '#platform/store/store.ts'
import {
  type DayCount,
  listDayCounts,
  recountDays,
  setDayCount,
} from '../../ingest/catalogue/catalogue-recount.ts'
import type { CheckResult } from './difference.ts'

/** The catalogue counts what the store keeps of each name and day. A repair sets it to that. */
export async function checkCatalogue(
  store: Store,
  workspace: string,
  { keptFromDay, repair }: { keptFromDay: number; repair: boolean },
): Promise<CheckResult> {
  const compare = async (scope: StoreScope) => {
    const db = scope.workspace(workspace)
    const stored = byKey(await listDayCounts(db, keptFromDay))
    const counted = byKey(await recountDays(db, keptFromDay))
    const keys = [...new Set([...stored.keys(), ...counted.keys()])].toSorted()
    return {
      checked: keys.length,
      found: keys
        .map((key) => ({ stored: stored.get(key), counted: counted.get(key) }))
        .filter((pair) => JSON.stringify(pair.stored) !== JSON.stringify(pair.counted)),
    }
  }
  const { checked, found } = await (repair
    ? store.transaction(async (tx) => {
        const result = await compare(tx)
        for (const { stored, counted } of result.found) {
          const { kind, name, dayUtc } = (counted ?? stored) as DayCount
          await setDayCount(tx.workspace(workspace), { kind, name, dayUtc }, counted ?? null)
        }
        return result
      })
    : store.snapshot(compare))
  return {
    checked,
    differences: found.map(({ stored, counted }) => {
      const { kind, name, dayUtc } = (counted ?? stored) as DayCount
      return {
        check: 'catalogue',
        id: `${kind} ${name}`.trim(),
        detail: `counts ${said(stored)} on day ${dayUtc}; its events are ${said(counted)}`,
        repaired: repair,
      }
    }),
  }
}

function byKey(counts: DayCount[]): Map<string, DayCount> {
  return new Map(counts.map((count) => [`${count.dayUtc}\u0000${count.kind}\u0000${count.name}`, count]))
}

function said(count: DayCount | undefined): string {
  if (count === undefined) return '0'
  const { eventsCount, firstOccurredAt, lastOccurredAt } = count
  return `${eventsCount} from ${firstOccurredAt} to ${lastOccurredAt}`
}
