import type { Insertable } from 'kysely'
import type { StoreSchema } from '#platform/store/schema.ts'

export type ColumnKind = 'text' | 'int' | 'real' | 'json' | 'blob' | 'int?' | 'text?'

type Columns<T extends keyof StoreSchema> = { [C in keyof Insertable<StoreSchema[T]>]-?: ColumnKind }

export interface TableShape {
  key: string[]
  columns: Record<string, ColumnKind>
}

/**
 * Every column of every table and what it holds: the type checker finds one that is left out here, the
 * round trip finds one that the migrations leave out.
 */
export const tableShapes: {
  [T in keyof StoreSchema]: { key: (keyof StoreSchema[T])[]; columns: Columns<T> }
} = {
  workspaces: {
    key: ['workspace'],
    columns: {
      workspace: 'text',
      name: 'text',
      send_mode: 'text',
      allowlist_json: 'json',
      kill_switch: 'int',
      reporting_currency: 'text',
      zone: 'text',
      created_at: 'int',
    },
  },
  api_keys: {
    key: ['key_hash'],
    columns: { key_hash: 'text', workspace: 'text', kind: 'text', name: 'text', created_at: 'int' },
  },
  system_settings: { key: ['name'], columns: { name: 'text', value: 'text' } },
  log_offsets: {
    key: ['group_name', 'partition_number'],
    columns: { group_name: 'text', partition_number: 'int', next_offset: 'int' },
  },
  identities: {
    key: ['workspace', 'kind', 'external_id'],
    columns: { workspace: 'text', kind: 'text', external_id: 'text', customer_id: 'text', linked_at: 'int' },
  },
  customers: {
    key: ['workspace', 'customer_id'],
    columns: {
      workspace: 'text',
      customer_id: 'text',
      version: 'int',
      merged_into: 'text?',
      profile_json: 'json',
      updated_at: 'int',
    },
  },
  consents: {
    key: ['workspace', 'customer_id', 'channel'],
    columns: {
      workspace: 'text',
      customer_id: 'text',
      channel: 'text',
      state: 'text',
      source: 'text',
      changed_at: 'int',
    },
  },
  suppressions: {
    key: ['workspace', 'channel', 'address'],
    columns: {
      workspace: 'text',
      channel: 'text',
      address: 'text',
      reason: 'text',
      detail: 'text',
      created_at: 'int',
    },
  },
  events: {
    key: ['workspace', 'day_utc', 'event_id'],
    columns: {
      workspace: 'text',
      day_utc: 'int',
      event_id: 'text',
      customer_id: 'text',
      kind: 'text',
      name: 'text',
      occurred_at: 'int',
      received_at: 'int',
      payload_json: 'json',
    },
  },
  event_dedupe: {
    key: ['workspace', 'event_id'],
    columns: { workspace: 'text', event_id: 'text', received_at: 'int' },
  },
  documents: {
    key: ['workspace', 'kind', 'document_id', 'version'],
    columns: {
      workspace: 'text',
      kind: 'text',
      document_id: 'text',
      version: 'int',
      body_json: 'json',
      actor: 'text',
      created_at: 'int',
    },
  },
  campaign_versions: {
    key: ['workspace', 'campaign_id', 'version'],
    columns: {
      workspace: 'text',
      campaign_id: 'text',
      version: 'int',
      state: 'text',
      body_json: 'json',
      actor: 'text',
      note: 'text',
      created_at: 'int',
    },
  },
  assignments: {
    key: ['workspace', 'campaign_id', 'customer_id'],
    columns: {
      workspace: 'text',
      campaign_id: 'text',
      customer_id: 'text',
      campaign_version: 'int',
      held_out: 'int',
      arm: 'text',
      entered_at: 'int',
      decision_id: 'text',
    },
  },
  decisions: {
    key: ['workspace', 'day_utc', 'decision_id'],
    columns: {
      workspace: 'text',
      day_utc: 'int',
      decision_id: 'text',
      customer_id: 'text',
      trigger_kind: 'text',
      trigger_id: 'text',
      decided_at: 'int',
      outcome: 'text',
      campaign_id: 'text',
      campaign_version: 'int',
      treatment_id: 'text',
      variant_id: 'text',
      propensity: 'real',
      snapshot_id: 'text',
      excluded_json: 'json',
      record: 'blob',
    },
  },
  messages: {
    key: ['workspace', 'message_id'],
    columns: {
      workspace: 'text',
      message_id: 'text',
      decision_id: 'text',
      decision_day_utc: 'int',
      customer_id: 'text',
      campaign_id: 'text',
      campaign_version: 'int',
      treatment_id: 'text',
      variant_id: 'text',
      channel: 'text',
      address: 'text',
      state: 'text',
      reason: 'text',
      transactional: 'int',
      cost_micros: 'int',
      created_at: 'int',
      due_at: 'int',
      expires_at: 'int',
      sending_at: 'int?',
      state_at: 'int',
      attempts: 'int',
      context_json: 'json',
      lease_owner: 'text',
      lease_until: 'int',
    },
  },
  message_transitions: {
    key: ['workspace', 'message_id', 'sequence'],
    columns: {
      workspace: 'text',
      message_id: 'text',
      sequence: 'int',
      state: 'text',
      reason: 'text',
      at: 'int',
    },
  },
  attempts: {
    key: ['workspace', 'message_id', 'attempt'],
    columns: {
      workspace: 'text',
      message_id: 'text',
      attempt: 'int',
      provider: 'text',
      started_at: 'int',
      ended_at: 'int?',
      result: 'text',
      reason: 'text',
      provider_message_id: 'text',
    },
  },
  campaign_spend: {
    key: ['workspace', 'campaign_id'],
    columns: { workspace: 'text', campaign_id: 'text', spent_micros: 'int', queued_micros: 'int' },
  },
  outbox: {
    key: ['workspace', 'message_id'],
    columns: {
      workspace: 'text',
      message_id: 'text',
      customer_id: 'text',
      channel: 'text',
      address: 'text',
      sender: 'text',
      subject: 'text',
      html: 'text',
      text: 'text',
      headers_json: 'json',
      created_at: 'int',
    },
  },
  outcomes: {
    key: ['workspace', 'day_utc', 'outcome_id'],
    columns: {
      workspace: 'text',
      day_utc: 'int',
      outcome_id: 'text',
      customer_id: 'text',
      kind: 'text',
      campaign_id: 'text',
      goal_id: 'text',
      event_id: 'text',
      message_id: 'text',
      value_micros: 'int',
      occurred_at: 'int',
    },
  },
  exposures: {
    key: ['workspace', 'decision_id', 'campaign_id'],
    columns: {
      workspace: 'text',
      decision_id: 'text',
      campaign_id: 'text',
      customer_id: 'text',
      goal_id: 'text',
      head: 'text',
      decision_day_utc: 'int',
      exposed_at: 'int',
      window_ends_at: 'int',
      state: 'text',
    },
  },
  rewards: {
    key: ['sequence'],
    columns: {
      workspace: 'text',
      sequence: 'int',
      decision_id: 'text',
      campaign_id: 'text',
      decision_day_utc: 'int',
      head: 'text',
      kind: 'text',
      y: 'int',
      created_at: 'int',
    },
  },
  snapshots: {
    key: ['workspace', 'snapshot_id'],
    columns: {
      workspace: 'text',
      snapshot_id: 'text',
      sequence: 'int',
      parent_id: 'text',
      published_at: 'int',
      t: 'real',
      bound_micros: 'real',
      manifest_json: 'json',
      weights: 'blob',
    },
  },
  learner_states: {
    key: ['workspace'],
    columns: { workspace: 'text', cursor: 'int', state: 'blob', updated_at: 'int' },
  },
  timers: {
    key: ['workspace', 'timer_id'],
    columns: {
      workspace: 'text',
      timer_id: 'text',
      customer_id: 'text',
      kind: 'text',
      due_at: 'int',
      lease_owner: 'text',
      lease_until: 'int',
    },
  },
  rejected_events: {
    key: ['workspace', 'rejected_id'],
    columns: {
      workspace: 'text',
      rejected_id: 'text',
      received_at: 'int',
      code: 'text',
      field: 'text',
      detail: 'text',
      body: 'text',
      replayed_at: 'int?',
    },
  },
  audit: {
    key: ['workspace', 'audit_id'],
    columns: {
      workspace: 'text',
      audit_id: 'text',
      at: 'int',
      actor: 'text',
      action: 'text',
      target: 'text',
      detail_json: 'json',
    },
  },
}
