import { type Kysely, sql } from 'kysely'
import type { ColumnTypes, StoreMigration } from '#platform/store/migrations.ts'

/** Policies that wait for the promotion gate, what the gate asks for, and what the learner knew before. */
export const migration: StoreMigration = { up }

async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const { text, int, real, json, blob } = types
  const end = types.dialect === 'sqlite' ? sql` strict` : sql``
  await sql`create table policy_candidates (
    workspace ${text} not null, candidate_id ${text} not null, proposed_at ${int} not null,
    actor ${text} not null, note ${text} not null, state ${text} not null, changes ${text} not null,
    since_snapshot_id ${text} not null, t ${real} not null, bound_micros ${real} not null,
    manifest_json ${json} not null, weights ${blob} not null,
    judged_at ${int} not null, verdict_json ${json} not null, snapshot_id ${text} not null,
    constraint policy_candidates_key primary key (workspace, candidate_id))${end}`.execute(db)
  await sql`create table learner_archives (
    workspace ${text} not null, snapshot_id ${text} not null, archived_at ${int} not null,
    state ${blob} not null,
    constraint learner_archives_key primary key (workspace, snapshot_id))${end}`.execute(db)
  await sql`create table policy_settings (
    workspace ${text} not null, automatic ${int} not null,
    effective_rows_min ${real} not null, loss_max_share ${real} not null,
    constraint policy_settings_key primary key (workspace))${end}`.execute(db)
}
