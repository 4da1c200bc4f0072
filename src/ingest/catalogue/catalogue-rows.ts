import type { OnConflict, RowOf, WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'

/** A name as the catalogue knows it. */
export interface EventName {
  kind: string
  name: string
}

/** Adds to the counts of a partition, in one statement; each name and day stands once in `counts`. */
export async function addEventCounts(
  db: WorkspaceDb,
  partition: number,
  counts: Omit<WorkspaceRowOf<'event_counts'>, 'partition_number'>[],
): Promise<void> {
  const rows = counts.map((count) => ({ ...count, partition_number: partition }))
  await db.bulkInsert('event_counts', rows, addToCounts)
}

const addToCounts = {
  key: ['workspace', 'kind', 'name', 'day_utc', 'partition_number'],
  update: [],
  add: ['events_count'],
  lowest: ['first_occurred_at'],
  highest: ['last_occurred_at'],
} satisfies OnConflict<'event_counts'>

export async function insertEventProperties(
  db: WorkspaceDb,
  rows: WorkspaceRowOf<'event_properties'>[],
): Promise<void> {
  await db.bulkInsert('event_properties', rows, 'ignore')
}

/** What is known of the properties of these names (and of namesakes of another kind). */
export function loadPropertyTypes(
  db: WorkspaceDb,
  names: EventName[],
): Promise<Omit<RowOf<'event_properties'>, 'workspace'>[]> {
  return db
    .selectByKeys('event_properties', 'name', [...new Set(names.map(({ name }) => name))])
    .select([
      'event_properties.kind',
      'event_properties.name',
      'event_properties.property',
      'event_properties.type',
      'event_properties.example',
      'event_properties.first_occurred_at',
    ])
    .where('event_properties.kind', 'in', [...new Set(names.map(({ kind }) => kind))])
    .orderBy('event_properties.property')
    .orderBy('event_properties.type')
    .execute()
}

/** Counts over all days. */
export interface CountedName extends EventName {
  eventsCount: number
  firstOccurredAt: number
  lastOccurredAt: number
}

/** By kind, then name, behind `after`; at most `limit`. */
export async function listEventNames(
  db: WorkspaceDb,
  { limit, kind, after }: { limit: number; kind?: string; after?: EventName },
): Promise<CountedName[]> {
  let query = db.selectFrom('event_counts').select(['event_counts.kind', 'event_counts.name'])
  if (kind !== undefined) query = query.where('event_counts.kind', '=', kind)
  if (after !== undefined) {
    query = query.where((where) =>
      where.or([
        where('event_counts.kind', '>', after.kind),
        where.and([where('event_counts.kind', '=', after.kind), where('event_counts.name', '>', after.name)]),
      ]),
    )
  }
  const rows = await query
    .select((eb) => [
      eb.fn.sum<number | string>('event_counts.events_count').as('events_count'),
      eb.fn.min('event_counts.first_occurred_at').as('first_occurred_at'),
      eb.fn.max('event_counts.last_occurred_at').as('last_occurred_at'),
    ])
    .groupBy(['event_counts.kind', 'event_counts.name'])
    .orderBy('event_counts.kind')
    .orderBy('event_counts.name')
    .limit(limit)
    .execute()
  return rows.map((row) => ({
    kind: row.kind,
    name: row.name,
    eventsCount: Number(row.events_count),
    firstOccurredAt: row.first_occurred_at,
    lastOccurredAt: row.last_occurred_at,
  }))
}

/** The counts of one name, each day's, oldest first. */
export async function loadEventDays(
  db: WorkspaceDb,
  { kind, name }: EventName,
): Promise<(CountedName & { dayUtc: number })[]> {
  const rows = await db
    .selectFrom('event_counts')
    .select('event_counts.day_utc')
    .select((eb) => [
      eb.fn.sum<number | string>('event_counts.events_count').as('events_count'),
      eb.fn.min('event_counts.first_occurred_at').as('first_occurred_at'),
      eb.fn.max('event_counts.last_occurred_at').as('last_occurred_at'),
    ])
    .where('event_counts.kind', '=', kind)
    .where('event_counts.name', '=', name)
    .groupBy('event_counts.day_utc')
    .orderBy('event_counts.day_utc')
    .execute()
  return rows.map((row) => ({
    kind,
    name,
    dayUtc: row.day_utc,
    eventsCount: Number(row.events_count),
    firstOccurredAt: row.first_occurred_at,
    lastOccurredAt: row.last_occurred_at,
  }))
}

/** Up to `limit` names that have counts of days before one. Reads all counts: ask outside a transaction. */
export function namesCountedBefore(db: WorkspaceDb, dayUtc: number, limit: number): Promise<EventName[]> {
  return db
    .selectFrom('event_counts')
    .select(['event_counts.kind', 'event_counts.name'])
    .distinct()
    .where('event_counts.day_utc', '<', dayUtc)
    .limit(limit)
    .execute()
}

/** Deletes a name's counts of days before one, and its properties where no count is left. */
export async function deleteCountsBefore(
  db: WorkspaceDb,
  { kind, name }: EventName,
  dayUtc: number,
): Promise<void> {
  await db
    .deleteFrom('event_counts')
    .where('event_counts.kind', '=', kind)
    .where('event_counts.name', '=', name)
    .where('event_counts.day_utc', '<', dayUtc)
    .execute()
  if ((await loadEventDays(db, { kind, name })).length > 0) return
  await db
    .deleteFrom('event_properties')
    .where('event_properties.kind', '=', kind)
    .where('event_properties.name', '=', name)
    .execute()
}
