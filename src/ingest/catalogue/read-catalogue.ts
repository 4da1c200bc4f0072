import type { WorkspaceDb } from '#platform/store/store.ts'
import {
  type CountedName,
  type EventName,
  listEventNames,
  loadEventDays,
  loadPropertyTypes,
} from './catalogue-rows.ts'

/** An event as people see it in the catalogue. */
export interface CataloguedEvent extends CountedName {
  properties: CataloguedProperty[]
}

export interface CataloguedProperty {
  property: string
  types: { type: string; example: string; firstOccurredAt: number }[]
}

/** By kind, then name, behind `after`; at most `limit`. */
export async function listCatalogue(
  db: WorkspaceDb,
  page: { limit: number; kind?: string; after?: EventName },
): Promise<CataloguedEvent[]> {
  return withProperties(db, await listEventNames(db, page))
}

/** One event with its counts by day (UTC), oldest first; null where none came. */
export async function loadCatalogued(
  db: WorkspaceDb,
  { kind, name }: EventName,
): Promise<(CataloguedEvent & { days: { dayUtc: number; eventsCount: number }[] }) | null> {
  const days = await loadEventDays(db, { kind, name })
  if (days.length === 0) return null
  const whole = {
    kind,
    name,
    eventsCount: days.reduce((sum, day) => sum + day.eventsCount, 0),
    firstOccurredAt: Math.min(...days.map((day) => day.firstOccurredAt)),
    lastOccurredAt: Math.max(...days.map((day) => day.lastOccurredAt)),
  }
  const [event] = await withProperties(db, [whole])
  return {
    ...(event as CataloguedEvent),
    days: days.map(({ dayUtc, eventsCount }) => ({ dayUtc, eventsCount })),
  }
}

async function withProperties(db: WorkspaceDb, names: CountedName[]): Promise<CataloguedEvent[]> {
  if (names.length === 0) return []
  const rows = await loadPropertyTypes(db, names)
  const byName = Map.groupBy(rows, (row) => `${row.kind}\u0000${row.name}`)
  return names.map((name) => {
    const own = Map.groupBy(byName.get(`${name.kind}\u0000${name.name}`) ?? [], (row) => row.property)
    const properties = [...own].map(([property, types]) => ({
      property,
      types: types.map(({ type, example, first_occurred_at }) => ({
        type,
        example,
        firstOccurredAt: first_occurred_at,
      })),
    }))
    return { ...name, properties }
  })
}
