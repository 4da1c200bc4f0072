import { type Kysely, sql } from 'kysely'
import type { ColumnTypes, StoreMigration } from '#platform/store/migrations.ts'

/**
 * When the learner is told what became of an exposure; before, that was the end of its window. What an older
 * release writes meanwhile settles at once, and its conversions are corrections.
 */
export const migration: StoreMigration = { up }

async function up(db: Kysely<unknown>, { int }: ColumnTypes): Promise<void> {
  await sql`alter table exposures add column settles_at ${int} not null default 0`.execute(db)
  await sql`update exposures set settles_at = window_ends_at`.execute(db)
  await sql`create index exposures_settling on exposures (workspace, state, settles_at)`.execute(db)
  await sql`drop index exposures_closing`.execute(db)
}
