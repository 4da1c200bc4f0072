import { type Kysely, sql } from 'kysely'
import type { ColumnTypes, StoreMigration } from '#platform/store/migrations.ts'

/** How fast a workspace's learner forgets. */
export const migration: StoreMigration = { up }

async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await sql`alter table policy_settings add column forget_half_life_days ${types.real}`.execute(db)
}
