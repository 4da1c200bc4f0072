import { type Kysely, sql } from 'kysely'
import type { ColumnTypes, StoreMigration } from '#platform/store/migrations.ts'
import { createDefaultPartition, partitionedTables } from '#platform/store/partitions.ts'

/**
 * The foundation. Every key leads with the workspace; the three tables that grow without end (events,
 * decisions, outcomes) carry `day_utc` in their keys and are partitioned by it in PostgreSQL.
 */
export const migration: StoreMigration = { up }

async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const { text, int, real, json, blob } = types
  const table = async (name: string, columns: Record<string, ReturnType<typeof sql>>, key: string[]) => {
    let builder = db.schema.createTable(name)
    for (const [column, type] of Object.entries(columns)) {
      builder = builder.addColumn(column, type as never, (c) =>
        nullable.has(`${name}.${column}`) ? c : c.notNull(),
      )
    }
    const partitioned = partitionedTables.find((own) => own === name)
    await builder
      .addPrimaryKeyConstraint(`${name}_key`, key as never[])
      .$call((b) => {
        if (types.dialect === 'sqlite')
          return b.modifyEnd(rowidTables.has(name) ? sql`strict` : sql`strict, without rowid`)
        return partitioned === undefined ? b : b.modifyEnd(sql`partition by range (day_utc)`)
      })
      .execute()
    if (types.dialect === 'postgres' && partitioned !== undefined)
      await createDefaultPartition(db, partitioned)
  }
  const index = (name: string, on: string, columns: string[]) =>
    db.schema.createIndex(name).on(on).columns(columns).execute()

  await table(
    'workspaces',
    {
      workspace: text,
      name: text,
      send_mode: text,
      allowlist_json: json,
      kill_switch: int,
      reporting_currency: text,
      zone: text,
      created_at: int,
    },
    ['workspace'],
  )
  await table('api_keys', { key_hash: text, workspace: text, kind: text, name: text, created_at: int }, [
    'key_hash',
  ])
  await table('system_settings', { name: text, value: text }, ['name'])
  await table('log_offsets', { group_name: text, partition_number: int, next_offset: int }, [
    'group_name',
    'partition_number',
  ])

  await table(
    'identities',
    { workspace: text, kind: text, external_id: text, customer_id: text, linked_at: int },
    ['workspace', 'kind', 'external_id'],
  )
  await index('identities_customer', 'identities', ['workspace', 'customer_id'])
  await table(
    'customers',
    {
      workspace: text,
      customer_id: text,
      version: int,
      merged_into: text,
      profile_json: json,
      updated_at: int,
    },
    ['workspace', 'customer_id'],
  )
  await table(
    'consents',
    { workspace: text, customer_id: text, channel: text, state: text, source: text, changed_at: int },
    ['workspace', 'customer_id', 'channel'],
  )
  await table(
    'suppressions',
    { workspace: text, channel: text, address: text, reason: text, detail: text, created_at: int },
    ['workspace', 'channel', 'address'],
  )
  await index('suppressions_address', 'suppressions', ['workspace', 'address'])
  await table(
    'events',
    {
      workspace: text,
      day_utc: int,
      event_id: text,
      customer_id: text,
      kind: text,
      name: text,
      occurred_at: int,
      received_at: int,
      payload_json: json,
    },
    ['workspace', 'day_utc', 'event_id'],
  )
  await index('events_customer', 'events', ['workspace', 'customer_id', 'occurred_at'])
  await table('event_dedupe', { workspace: text, event_id: text, received_at: int }, [
    'workspace',
    'event_id',
  ])
  await index('event_dedupe_received', 'event_dedupe', ['workspace', 'received_at'])

  await table(
    'documents',
    {
      workspace: text,
      kind: text,
      document_id: text,
      version: int,
      body_json: json,
      actor: text,
      created_at: int,
    },
    ['workspace', 'kind', 'document_id', 'version'],
  )
  await table(
    'campaign_versions',
    {
      workspace: text,
      campaign_id: text,
      version: int,
      state: text,
      body_json: json,
      actor: text,
      note: text,
      created_at: int,
    },
    ['workspace', 'campaign_id', 'version'],
  )
  await table(
    'assignments',
    {
      workspace: text,
      campaign_id: text,
      customer_id: text,
      campaign_version: int,
      held_out: int,
      arm: text,
      entered_at: int,
      decision_id: text,
    },
    ['workspace', 'campaign_id', 'customer_id'],
  )
  await index('assignments_customer', 'assignments', ['workspace', 'customer_id'])

  await table(
    'decisions',
    {
      workspace: text,
      day_utc: int,
      decision_id: text,
      customer_id: text,
      trigger_kind: text,
      trigger_id: text,
      decided_at: int,
      outcome: text,
      campaign_id: text,
      campaign_version: int,
      treatment_id: text,
      variant_id: text,
      propensity: real,
      snapshot_id: text,
      excluded_json: json,
      record: blob,
    },
    ['workspace', 'decision_id', 'day_utc'],
  )
  await index('decisions_customer', 'decisions', ['workspace', 'customer_id', 'decided_at'])

  await table(
    'messages',
    {
      workspace: text,
      message_id: text,
      decision_id: text,
      decision_day_utc: int,
      customer_id: text,
      campaign_id: text,
      campaign_version: int,
      treatment_id: text,
      variant_id: text,
      channel: text,
      address: text,
      state: text,
      reason: text,
      transactional: int,
      cost_micros: int,
      created_at: int,
      due_at: int,
      expires_at: int,
      sending_at: int,
      state_at: int,
      attempts: int,
      context_json: json,
      lease_owner: text,
      lease_until: int,
    },
    ['workspace', 'message_id'],
  )
  await index('messages_due', 'messages', ['workspace', 'state', 'due_at'])
  await index('messages_customer', 'messages', ['workspace', 'customer_id', 'created_at'])
  await index('messages_campaign', 'messages', ['workspace', 'campaign_id', 'state'])
  await table(
    'message_transitions',
    { workspace: text, message_id: text, sequence: int, state: text, reason: text, at: int },
    ['workspace', 'message_id', 'sequence'],
  )
  await table(
    'attempts',
    {
      workspace: text,
      message_id: text,
      attempt: int,
      provider: text,
      started_at: int,
      ended_at: int,
      result: text,
      reason: text,
      provider_message_id: text,
    },
    ['workspace', 'message_id', 'attempt'],
  )
  await table(
    'campaign_spend',
    { workspace: text, campaign_id: text, spent_micros: int, queued_micros: int },
    ['workspace', 'campaign_id'],
  )
  await table(
    'outbox',
    {
      workspace: text,
      message_id: text,
      customer_id: text,
      channel: text,
      address: text,
      sender: text,
      subject: text,
      html: text,
      text,
      headers_json: json,
      created_at: int,
    },
    ['workspace', 'message_id'],
  )
  await index('outbox_created', 'outbox', ['workspace', 'created_at'])

  await table(
    'outcomes',
    {
      workspace: text,
      day_utc: int,
      outcome_id: text,
      customer_id: text,
      kind: text,
      campaign_id: text,
      goal_id: text,
      event_id: text,
      message_id: text,
      value_micros: int,
      occurred_at: int,
    },
    ['workspace', 'day_utc', 'outcome_id'],
  )
  await index('outcomes_campaign', 'outcomes', ['workspace', 'campaign_id', 'goal_id', 'customer_id'])
  await index('outcomes_customer', 'outcomes', ['workspace', 'customer_id', 'occurred_at'])
  await table(
    'exposures',
    {
      workspace: text,
      decision_id: text,
      campaign_id: text,
      customer_id: text,
      goal_id: text,
      head: text,
      decision_day_utc: int,
      exposed_at: int,
      window_ends_at: int,
      state: text,
    },
    ['workspace', 'decision_id', 'campaign_id'],
  )
  await index('exposures_customer', 'exposures', ['workspace', 'customer_id', 'goal_id', 'exposed_at'])
  await index('exposures_closing', 'exposures', ['workspace', 'state', 'window_ends_at'])
  await db.schema
    .createTable('rewards')
    .addColumn('sequence', types.autoIncrement as never, (c) =>
      types.dialect === 'sqlite' ? c.primaryKey().autoIncrement() : c.primaryKey(),
    )
    .addColumn('workspace', text as never, (c) => c.notNull())
    .addColumn('decision_id', text as never, (c) => c.notNull())
    .addColumn('campaign_id', text as never, (c) => c.notNull())
    .addColumn('decision_day_utc', int as never, (c) => c.notNull())
    .addColumn('head', text as never, (c) => c.notNull())
    .addColumn('kind', text as never, (c) => c.notNull())
    .addColumn('y', int as never, (c) => c.notNull())
    .addColumn('created_at', int as never, (c) => c.notNull())
    .$call((b) => (types.dialect === 'sqlite' ? b.modifyEnd(sql`strict`) : b))
    .execute()
  await index('rewards_order', 'rewards', ['workspace', 'sequence'])
  await table(
    'snapshots',
    {
      workspace: text,
      snapshot_id: text,
      sequence: int,
      parent_id: text,
      published_at: int,
      t: real,
      bound_micros: real,
      manifest_json: json,
      weights: blob,
    },
    ['workspace', 'snapshot_id'],
  )
  await index('snapshots_order', 'snapshots', ['workspace', 'sequence'])
  await table('learner_states', { workspace: text, cursor: int, state: blob, updated_at: int }, ['workspace'])

  await table(
    'timers',
    {
      workspace: text,
      timer_id: text,
      customer_id: text,
      kind: text,
      due_at: int,
      lease_owner: text,
      lease_until: int,
    },
    ['workspace', 'timer_id'],
  )
  await index('timers_due', 'timers', ['workspace', 'due_at'])
  await index('timers_customer', 'timers', ['workspace', 'customer_id'])
  await table(
    'rejected_events',
    {
      workspace: text,
      rejected_id: text,
      received_at: int,
      code: text,
      field: text,
      detail: text,
      body: text,
      replayed_at: int,
    },
    ['workspace', 'rejected_id'],
  )
  await index('rejected_events_received', 'rejected_events', ['workspace', 'received_at'])
  await table(
    'audit',
    { workspace: text, audit_id: text, at: int, actor: text, action: text, target: text, detail_json: json },
    ['workspace', 'audit_id'],
  )
  await index('audit_at', 'audit', ['workspace', 'at'])
}

const nullable = new Set([
  'customers.merged_into',
  'messages.sending_at',
  'attempts.ended_at',
  'rejected_events.replayed_at',
])

/**
 * SQLite keeps a table WITHOUT ROWID in its key's order: one look-up instead of two. Tables with a second
 * index keep the rowid, since without statistics SQLite prefers the clustered key with a bare
 * `workspace = ?` (the whole tenant) over the index; so do wide ones, whose tree would be deep.
 */
const rowidTables = new Set([
  'events',
  'decisions',
  'messages',
  'outbox',
  'snapshots',
  'learner_states',
  'customers',
  'exposures',
  'assignments',
  'outcomes',
  'identities',
  'timers',
  'suppressions',
  'rejected_events',
  'audit',
  'event_dedupe',
])
