import type { CustomerEvent } from '#contracts/event.ts'
import type { JsonValue } from '#contracts/json.ts'
import { dayUtcOf } from '#platform/ids/ids.ts'
import type { WorkspaceDb, WorkspaceRowOf } from '#platform/store/store.ts'
import { addEventCounts, insertEventProperties, loadPropertyTypes } from './catalogue-rows.ts'
import { exampleOf, type PropertyType, propertyTypeOf } from './property-example.ts'

/**
 * Counts what a batch kept, by name and day, and notes properties that are new, in the batch's transaction.
 * Which properties are known is remembered here, so that a batch which brings nothing new writes counts
 * alone; what a transaction added is believed only after its commit.
 */
export interface EventCatalogue {
  /** A transaction begins, perhaps once more: what the one before added was not committed. */
  begin(): void
  /** `partition` is the log's: each has counts of its own, so that no two workers wait for one row. */
  take(db: WorkspaceDb, partition: number, events: CustomerEvent[]): Promise<void>
  committed(): void
}

/** Of one name; further ones are not noted. */
const propertiesMax = 200
const propertyCharsMax = 128
/** Names whose properties are remembered; some 50 MB where each has 20. */
const namesMax = 20_000

/** Types by property, a bit each. */
type KnownProperties = Map<string, number>

export function createEventCatalogue(): EventCatalogue {
  const known = new Map<string, KnownProperties>()
  let added: Added[] = []
  return {
    begin() {
      forget(added)
      added = []
    },
    async take(db, partition, events) {
      if (events.length === 0) return
      const groups = groupByName(events)
      await addEventCounts(db, partition, countsOf(groups))
      await recall(known, db, groups)
      const rows: WorkspaceRowOf<'event_properties'>[] = []
      for (const { kind, name, events: own } of groups) {
        const properties = known.get(nameKey(db.workspace, kind, name)) as KnownProperties
        for (const event of own) {
          noteProperties(event, properties, (property, type, value) => {
            added.push({ properties, property, bit: typeBits[type] })
            const example = hasTraits(event) ? '' : exampleOf(property, value)
            rows.push({ kind, name, property, type, example, first_occurred_at: event.occurredAt })
          })
        }
      }
      if (rows.length > 0) await insertEventProperties(db, rows)
    },
    committed() {
      added = []
    },
  }
}

interface NamedEvents {
  kind: string
  name: string
  events: CustomerEvent[]
}

function groupByName(events: CustomerEvent[]): NamedEvents[] {
  const byKind = new Map<string, Map<string, NamedEvents>>()
  const groups: NamedEvents[] = []
  for (const event of events) {
    const { kind } = event
    const name = event.payload.name ?? ''
    const byName = byKind.get(kind) ?? new Map<string, NamedEvents>()
    const known = byName.get(name)
    if (known !== undefined) {
      known.events.push(event)
      continue
    }
    const group = { kind, name, events: [event] }
    groups.push(group)
    byKind.set(kind, byName.set(name, group))
  }
  return groups
}

function countsOf(groups: NamedEvents[]): Omit<WorkspaceRowOf<'event_counts'>, 'partition_number'>[] {
  return groups.flatMap(({ kind, name, events }) => {
    const days = new Map<number, Omit<WorkspaceRowOf<'event_counts'>, 'partition_number'>>()
    for (const { occurredAt, receivedAt } of events) {
      const day_utc = dayUtcOf(receivedAt)
      const day = days.get(day_utc)
      if (day === undefined) {
        const [first_occurred_at, last_occurred_at] = [occurredAt, occurredAt]
        days.set(day_utc, { kind, name, day_utc, events_count: 1, first_occurred_at, last_occurred_at })
        continue
      }
      day.events_count += 1
      if (occurredAt < day.first_occurred_at) day.first_occurred_at = occurredAt
      if (occurredAt > day.last_occurred_at) day.last_occurred_at = occurredAt
    }
    return [...days.values()]
  })
}

/** Reads what the store knows of names that come for the first time. */
async function recall(
  known: Map<string, KnownProperties>,
  db: WorkspaceDb,
  groups: NamedEvents[],
): Promise<void> {
  const keyOf = ({ kind, name }: { kind: string; name: string }) => nameKey(db.workspace, kind, name)
  if (known.size + groups.length > namesMax) known.clear()
  const unknown = groups.filter((group) => !known.has(keyOf(group)))
  if (unknown.length === 0) return
  for (const group of unknown) known.set(keyOf(group), new Map())
  for (const row of await loadPropertyTypes(db, unknown)) {
    const properties = known.get(keyOf(row))
    if (properties !== undefined) remember(properties, row.property, typeBits[row.type as PropertyType])
  }
}

/** Remembers each property and type that is not known yet, and tells of it. */
function noteProperties(
  event: CustomerEvent,
  known: KnownProperties,
  onNew: (property: string, type: PropertyType, value: JsonValue) => void,
): void {
  const { payload } = event
  const object = hasTraits(event) ? payload.traits : payload.properties
  for (const key in object) {
    const value = object[key]
    if (value === undefined) continue
    const property = key.length <= propertyCharsMax ? key : key.slice(0, propertyCharsMax).toWellFormed()
    const type = propertyTypeOf(value)
    const types = known.get(property)
    const isKnown = types === undefined ? known.size >= propertiesMax : (types & typeBits[type]) !== 0
    if (isKnown) continue
    remember(known, property, typeBits[type])
    onNew(property, type, value)
  }
}

const typeBits: Record<PropertyType, number> = {
  string: 1,
  number: 2,
  boolean: 4,
  object: 8,
  array: 16,
  null: 32,
}

function hasTraits({ kind }: CustomerEvent): boolean {
  return kind === 'identify' || kind === 'group'
}

function remember(known: KnownProperties, property: string, bit: number): void {
  known.set(property, (known.get(property) ?? 0) | bit)
}

interface Added {
  properties: KnownProperties
  property: string
  bit: number
}

function forget(added: Added[]): void {
  for (const { properties, property, bit } of added) {
    const left = (properties.get(property) ?? 0) & ~bit
    if (left === 0) properties.delete(property)
    else properties.set(property, left)
  }
}

function nameKey(workspace: string, kind: string, name: string): string {
  return `${workspace}\u0000${kind}\u0000${name}`
}
