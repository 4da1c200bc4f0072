import { type Kysely, sql } from 'kysely'
import type { ColumnTypes, StoreMigration } from '#platform/store/migrations.ts'

/** What the heads of a proposed policy have learned so far, and new words of templates that wait for the gate. */
export const migration: StoreMigration = { up }

async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const { text, int, real, json, blob } = types
  const end = types.dialect === 'sqlite' ? sql` strict` : sql``
  await sql`create table candidate_states (
    workspace ${text} not null, candidate_id ${text} not null, cursor ${int} not null, state ${blob} not null,
    constraint candidate_states_key primary key (workspace, candidate_id))${end}`.execute(db)
  await sql`create table template_candidates (
    workspace ${text} not null, candidate_id ${text} not null, template_id ${text} not null,
    version ${int} not null, base_version ${int} not null, share ${real} not null, places_json ${json} not null,
    proposed_at ${int} not null, actor ${text} not null, note ${text} not null, state ${text} not null,
    judged_at ${int} not null, verdict_json ${json} not null,
    settled_at ${int} not null, settled_by ${text} not null, reason ${text} not null,
    constraint template_candidates_key primary key (workspace, candidate_id))${end}`.execute(db)
}
