import { DatabaseSync } from 'node:sqlite'
import { stableId } from '#platform/ids/ids.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { createSqliteBulkInsert } from '#platform/store/bulk-insert-sqlite.ts'
import { createSqliteConnection } from '#platform/store/sqlite-connection.ts'
import type { WorkspaceRowOf } from '#platform/store/store.ts'
import { seenKeptMs } from '../../src/pipeline/keep-house.ts'

/** Rows of one customer of the shop that the benchmark decides for. */
export interface FillOptions {
  workspace: string
  campaignId: string
  customers: number
  /** The instant at which the benchmark begins: everything here happened before. */
  now: number
}

export function customerIdAt(index: number): string {
  return stableId('scale', String(index))
}

/** An id of a customer's row, as long as a real one. */
function idBeside(index: number, ending: string): string {
  return `${customerIdAt(index).slice(0, 31)}${ending}`
}

/** Ids of decisions and messages begin with their day. */
function idOnDay(day: number, index: number, ending: string): string {
  return `${day.toString(16).padStart(4, '0')}${idBeside(index, ending).slice(4)}`
}

/** Few enough for the memory, many enough that commits cost nothing. */
const customersPerTransaction = 20_000

/** What comes last and in no order: enough to split nearly every leaf, as in a store that grew by itself. */
const shareInNoOrder = 0.3

/**
 * Customers as a shop has them after a year: a profile with traits and counts, consent, an event each;
 * three in ten were decided for and got a message. Most come in the order of their keys, before the indexes
 * are made, for the sake of time. The file must be open nowhere else: it is filled without a journal.
 */
export async function fillStore(file: string, options: FillOptions): Promise<void> {
  const { customers } = options
  const database = new DatabaseSync(file)
  // The way from a write-ahead log to no journal leads over a rollback journal.
  database.exec('pragma journal_mode = delete')
  database.exec('pragma journal_mode = off')
  database.exec('pragma synchronous = off')
  database.exec('pragma cache_size = -1500000')
  const indexes = database
    .prepare(`select sqlite_schema.name, sqlite_schema.sql from sqlite_schema
      where sqlite_schema.type = 'index' and sqlite_schema.sql is not null`)
    .all()
  for (const { name } of indexes) database.exec(`drop index ${String(name)}`)
  const bulkInsert = createSqliteBulkInsert(createSqliteConnection(database))
  const random = createSeededRandom(customers, 7)
  const inOrder = Math.floor(customers * (1 - shareInNoOrder))
  const ids = Array.from({ length: customers }, (_, index) => customerIdAt(index))
  const order = Uint32Array.from({ length: customers }, (_, index) => index)
  order.subarray(0, inOrder).sort((a, b) => (ids[a]! < ids[b]! ? -1 : 1))
  let areIndexed = false
  for (let first = 0; first < customers; first += customersPerTransaction) {
    if (first >= inOrder && !areIndexed) {
      for (const { sql } of indexes) database.exec(String(sql))
      areIndexed = true
    }
    const rows = emptyRows()
    const end = Math.min(customers, first + customersPerTransaction)
    for (const index of order.subarray(first, end)) addCustomer(rows, options, index, () => random.next())
    database.exec('begin')
    for (const [table, own] of Object.entries(rows)) await bulkInsert(table, own, 'fail', options.workspace)
    database.exec('commit')
  }
  database.exec('pragma journal_mode = wal')
  database.close()
}

interface Rows {
  customers: WorkspaceRowOf<'customers'>[]
  consents: WorkspaceRowOf<'consents'>[]
  events: WorkspaceRowOf<'events'>[]
  event_dedupe: WorkspaceRowOf<'event_dedupe'>[]
  assignments: WorkspaceRowOf<'assignments'>[]
  decisions: WorkspaceRowOf<'decisions'>[]
  messages: WorkspaceRowOf<'messages'>[]
  message_transitions: WorkspaceRowOf<'message_transitions'>[]
  exposures: WorkspaceRowOf<'exposures'>[]
}

function emptyRows(): Rows {
  return {
    customers: [],
    consents: [],
    events: [],
    event_dedupe: [],
    assignments: [],
    decisions: [],
    messages: [],
    message_transitions: [],
    exposures: [],
  }
}

const dayMs = 86_400_000
const zones = ['Europe/Berlin', 'Europe/London', 'America/New_York', 'UTC']
const styles = ['classic', 'street', 'sport', 'festive', 'work']
/** As long as a record of eight candidates is. */
const record = new Uint8Array(600).fill(7)

function addCustomer(rows: Rows, options: FillOptions, index: number, next: () => number): void {
  const { now } = options
  const customer_id = customerIdAt(index)
  const firstSeenAt = now - Math.floor((30 + next() * 330) * dayMs)
  const lastSeenAt = now - Math.floor(next() * 20 * dayMs)
  const seen = (total: number, valueMicros: number) => ({
    total,
    firstAt: firstSeenAt,
    lastAt: lastSeenAt,
    valueMicros,
    days: Array.from({ length: Math.min(total, 6) }, (_, day): [number, number, number] => [
      Math.floor(lastSeenAt / dayMs) - 7 * (5 - day),
      1,
      0,
    ]),
  })
  const profile = {
    traits: {
      firstName: `Customer ${index}`,
      email: `customer-${index}@example.com`,
      phone: `+49151${String(index).padStart(8, '0')}`,
      style: styles[Math.floor(next() * styles.length)]!,
    },
    email: `customer-${index}@example.com`,
    zone: zones[Math.floor(next() * zones.length)]!,
    firstSeenAt,
    lastSeenAt,
    counts: {
      page: seen(1 + Math.floor(next() * 40), 0),
      'Product Added': seen(1 + Math.floor(next() * 8), 0),
      'Order Completed': seen(Math.floor(next() * 4), Math.floor(next() * 200_000_000)),
    },
    segments: {},
  }
  const profile_json = JSON.stringify(profile)
  rows.customers.push({
    customer_id,
    version: 1,
    merged_into: null,
    profile_json,
    updated_at: lastSeenAt,
  })
  rows.consents.push({
    customer_id,
    channel: 'email',
    state: 'granted',
    source: 'import',
    changed_at: firstSeenAt,
  })
  addEvent(rows, options, index, next)
  if (next() < 0.3) addMessage(rows, options, index, next)
}

function addEvent(rows: Rows, { now }: FillOptions, index: number, next: () => number): void {
  const at = now - Math.floor((1 + next() * 359) * dayMs)
  const event_id = idBeside(index, 'e')
  if (at > now - seenKeptMs) rows.event_dedupe.push({ event_id, received_at: at })
  rows.events.push({
    day_utc: Math.floor(at / dayMs),
    event_id,
    customer_id: customerIdAt(index),
    kind: 'track',
    name: 'Product Viewed',
    occurred_at: at,
    received_at: at,
    payload_json: JSON.stringify({
      name: 'Product Viewed',
      properties: { productId: `sku-${index % 997}`, category: 'shoes', price: 79.9, currency: 'EUR' },
      userId: `customer-${index}`,
    }),
  })
}

function addMessage(rows: Rows, { now, campaignId }: FillOptions, index: number, next: () => number): void {
  const at = now - Math.floor((1 + next() * 25) * dayMs)
  const customer_id = customerIdAt(index)
  const day = Math.floor(at / dayMs)
  const decision_id = idOnDay(day, index, 'd')
  const message_id = idOnDay(day, index, 'f')
  const named = {
    campaign_id: campaignId,
    campaign_version: 4,
    treatment_id: 'bundle/email',
    variant_id: 'plain',
  }
  rows.assignments.push({
    campaign_id: campaignId,
    customer_id,
    campaign_version: 4,
    held_out: 0,
    arm: '',
    entered_at: at,
    decision_id,
  })
  rows.decisions.push({
    ...named,
    day_utc: day,
    decision_id,
    customer_id,
    trigger_kind: 'event',
    trigger_id: idBeside(index, 'e'),
    decided_at: at,
    outcome: 'treatment',
    propensity: 0.5,
    snapshot_id: 'none',
    excluded_json: '{}',
    record,
  })
  rows.messages.push({
    ...named,
    message_id,
    decision_id,
    decision_day_utc: day,
    customer_id,
    channel: 'email',
    address: `customer-${index}@example.com`,
    state: 'sent',
    reason: '',
    transactional: 0,
    cost_micros: 1_000,
    created_at: at,
    due_at: at,
    expires_at: at + dayMs,
    sending_at: at,
    state_at: at,
    attempts: 1,
    context_json: '{"event":{"name":"Product Added","properties":{"name":"A pair of shoes"}}}',
    lease_owner: '',
    lease_until: 0,
  })
  rows.message_transitions.push({ message_id, sequence: 3, state: 'sent', reason: '', at })
  rows.exposures.push({
    decision_id,
    campaign_id: campaignId,
    customer_id,
    goal_id: 'order',
    head: 'bundle/email',
    decision_day_utc: day,
    exposed_at: at,
    window_ends_at: at + 4 * dayMs,
    settles_at: at + dayMs,
    state: at + 4 * dayMs < now ? 'closed' : 'open',
  })
}
