import type { ProductEventKind } from '#contracts/event.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'

/** What came of one name on one day. */
export interface DayCount {
  kind: string
  name: string
  dayUtc: number
  eventsCount: number
  firstOccurredAt: number
  lastOccurredAt: number
}

const kinds: ProductEventKind[] = ['track', 'identify', 'page', 'screen', 'group', 'alias']

/** As the catalogue has it, from a day on. */
export async function listDayCounts(db: WorkspaceDb, fromDay: number): Promise<DayCount[]> {
  const rows = await db
    .selectFrom('event_counts')
    .select(['event_counts.kind', 'event_counts.name', 'event_counts.day_utc'])
    .select((eb) => [
      eb.fn.sum<number | string>('event_counts.events_count').as('events_count'),
      eb.fn.min('event_counts.first_occurred_at').as('first_occurred_at'),
      eb.fn.max('event_counts.last_occurred_at').as('last_occurred_at'),
    ])
    .where('event_counts.day_utc', '>=', fromDay)
    .groupBy(['event_counts.kind', 'event_counts.name', 'event_counts.day_utc'])
    .execute()
  return rows.map(dayCount)
}

/** As the events that are kept have it. */
export async function recountDays(db: WorkspaceDb, fromDay: number): Promise<DayCount[]> {
  const rows = await db
    .selectFrom('events')
    .select(['events.kind', 'events.name', 'events.day_utc'])
    .select((eb) => [
      eb.fn.countAll<number | string>().as('events_count'),
      eb.fn.min('events.occurred_at').as('first_occurred_at'),
      eb.fn.max('events.occurred_at').as('last_occurred_at'),
    ])
    .where('events.day_utc', '>=', fromDay)
    .where('events.kind', 'in', kinds)
    .groupBy(['events.kind', 'events.name', 'events.day_utc'])
    .execute()
  return rows.map(dayCount)
}

/** Puts one count in the place of all partitions' (none where there were no events). */
export async function setDayCount(
  db: WorkspaceDb,
  { kind, name, dayUtc }: Pick<DayCount, 'kind' | 'name' | 'dayUtc'>,
  count: DayCount | null,
): Promise<void> {
  await db
    .deleteFrom('event_counts')
    .where('event_counts.kind', '=', kind)
    .where('event_counts.name', '=', name)
    .where('event_counts.day_utc', '=', dayUtc)
    .execute()
  if (count === null) return
  const { eventsCount, firstOccurredAt, lastOccurredAt } = count
  await db.bulkInsert(
    'event_counts',
    [
      {
        kind,
        name,
        day_utc: dayUtc,
        partition_number: 0,
        events_count: eventsCount,
        first_occurred_at: firstOccurredAt,
        last_occurred_at: lastOccurredAt,
      },
    ],
    'fail',
  )
}

function dayCount(row: {
  kind: string
  name: string
  day_utc: number
  events_count: number | string
  first_occurred_at: number
  last_occurred_at: number
}): DayCount {
  return {
    kind: row.kind,
    name: row.name,
    dayUtc: row.day_utc,
    eventsCount: Number(row.events_count),
    firstOccurredAt: row.first_occurred_at,
    lastOccurredAt: row.last_occurred_at,
  }
}
