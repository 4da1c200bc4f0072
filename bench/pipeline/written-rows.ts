import type { Client } from 'pg'
import { kafkaPartitionOf } from '#platform/log/kafka/murmur2.ts'
import type { BatchRows, TableShape } from './bare-postgres.ts'

const partitions = 8

/** Where rows are appended once: the column that leads to the event, or to the decision that it caused. */
const appended = {
  events: 'event_id',
  event_dedupe: 'event_id',
  decisions: 'trigger_id',
  assignments: 'decision_id',
  messages: 'decision_id',
  exposures: 'decision_id',
} as const

export interface WrittenRows {
  shapes: Map<string, TableShape>
  /** In batches as the worker makes them: of one partition each, in the order of receipt. */
  batches: BatchRows[]
}

type Row = Record<string, unknown>

/**
 * What the product has written for the events whose ids begin with `prefix`: their rows and everything that
 * followed from them, the customers as they stand at the end, the counts by name and day, the campaign's
 * spend and the log's offset.
 */
export async function readWrittenRows(
  client: Client,
  prefix: string,
  eventsPerBatch: number,
): Promise<WrittenRows> {
  await client.query(`set timezone = 'UTC'`)
  const events = (
    await client.query(
      `select event_id, customer_id, workspace from events where event_id like $1
       order by received_at, event_id`,
      [`${prefix}%`],
    )
  ).rows as { event_id: string; customer_id: string; workspace: string }[]
  const rowsBy = new Map<string, Map<unknown, Row[]>>()
  for (const [table, column] of Object.entries(appended))
    rowsBy.set(
      table,
      Map.groupBy(await rowsOf(client, table), (row) => row[column]),
    )
  const byMessage = Map.groupBy(await rowsOf(client, 'message_transitions'), (row) => row.message_id)
  const customers = new Map((await rowsOf(client, 'customers')).map((row) => [row.customer_id, row]))
  const [counts, spend, offsets] = [
    await rowsOf(client, 'event_counts'),
    await rowsOf(client, 'campaign_spend'),
    await rowsOf(client, 'log_offsets'),
  ]
  const shapes = await readShapes(client)
  const batches: BatchRows[] = []
  const byPartition = Map.groupBy(events, ({ workspace, customer_id }) =>
    kafkaPartitionOf(`${workspace}\u0000${customer_id}`, partitions),
  )
  for (const [partition, own] of byPartition) {
    for (let first = 0; first < own.length; first += eventsPerBatch) {
      const batch = own.slice(first, first + eventsPerBatch)
      const eventIds = batch.map((event) => event.event_id)
      const find = (table: keyof typeof appended, ids: unknown[]) =>
        ids.flatMap((id) => rowsBy.get(table)!.get(id) ?? [])
      const decisions = find('decisions', eventIds)
      const decisionIds = decisions.map((row) => row.decision_id)
      const messages = find('messages', decisionIds)
      const rows: Record<string, Row[]> = {
        customers: [...new Set(batch.map((event) => event.customer_id))]
          .sort()
          .map((id) => customers.get(id)!),
        event_dedupe: find('event_dedupe', eventIds),
        events: find('events', eventIds),
        assignments: find('assignments', decisionIds),
        decisions,
        messages,
        message_transitions: messages.flatMap((row) => byMessage.get(row.message_id) ?? []),
        campaign_spend: messages.length === 0 ? [] : spend,
        exposures: find('exposures', decisionIds),
        event_counts: counts.filter((row) => row.partition_number === partition),
        log_offsets: offsets.filter((row) => row.partition_number === partition),
      }
      batches.push(
        new Map(
          Object.entries(rows)
            .filter(([, list]) => list.length > 0)
            .map(([table, list]) => [
              table,
              list.map((row) => shapes.get(table)!.columns.map((column) => row[column])),
            ]),
        ),
      )
    }
  }
  return { shapes, batches }
}

/** JSON as its text, so that it goes back as it came. */
async function rowsOf(client: Client, table: string): Promise<Row[]> {
  const { columns, types } = (await readShapes(client)).get(table)!
  const list = columns.map((column, i) => (types[i] === 'jsonb' ? `${column}::text as ${column}` : column))
  return (await client.query(`select ${list.join(', ')} from ${table}`)).rows
}

async function readShapes(client: Client): Promise<Map<string, TableShape>> {
  const { rows } = await client.query(`
    select columns.table_name, columns.column_name, columns.udt_name,
      key.ordinal_position is not null as is_key
    from information_schema.columns
    left join information_schema.key_column_usage as key
      on key.table_schema = columns.table_schema and key.table_name = columns.table_name
      and key.column_name = columns.column_name
    where columns.table_schema = current_schema() order by columns.ordinal_position`)
  const overwritten = new Set(['customers', 'event_counts', 'campaign_spend', 'log_offsets'])
  return new Map(
    [...Map.groupBy(rows as Row[], (row) => String(row.table_name))].map(([table, own]) => [
      table,
      {
        columns: own.map((row) => String(row.column_name)),
        types: own.map((row) => String(row.udt_name)),
        overwrites: overwritten.has(table)
          ? own.filter((row) => row.is_key).map((row) => String(row.column_name))
          : null,
      },
    ]),
  )
}
