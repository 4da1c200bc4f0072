import { type Kysely, sql } from 'kysely'
import type { StoreSchema } from './schema.ts'

/**
 * What transactions of one workspace wait for each other about, beyond rows. PostgreSQL keeps such a lock to
 * the transaction's end; SQLite has one writer at a time and needs none.
 *
 * - `configuration`: claims share it; what changes settings, campaigns or suppressions takes it alone, so
 *   that a claim either began its sends before the change, and is seen by it, or judges by it.
 * - `rewards`: taken before rewards get their numbers, so that these become visible in their order.
 * - `policy`: taken before a version of the policy and the learner's state change together.
 * - `warm-up`: taken before sends of a warming-up sender are counted.
 * - `items`: claims that ask what is in stock share it; what changes items takes it alone.
 * - `timers`, `windows`, `broadcasts`: work that one process does at a time, since two would do the same.
 */
export type LockName =
  | 'warm-up'
  | 'configuration'
  | 'items'
  | 'policy'
  | 'rewards'
  | 'timers'
  | 'windows'
  | 'broadcasts'

export async function lockName(
  kysely: Kysely<StoreSchema>,
  workspace: string,
  name: LockName,
  mode: 'shared' | 'alone',
): Promise<void> {
  const key = keyOf(workspace, name)
  await (mode === 'shared'
    ? sql`select pg_advisory_xact_lock_shared(hashtextextended(${key}, 0))`
    : sql`select pg_advisory_xact_lock(hashtextextended(${key}, 0))`
  ).execute(kysely)
}

/** False, without waiting, when another transaction has it. */
export async function tryLockName(
  kysely: Kysely<StoreSchema>,
  workspace: string,
  name: LockName,
): Promise<boolean> {
  const { rows } = await sql<{ taken: boolean }>`
    select pg_try_advisory_xact_lock(hashtextextended(${keyOf(workspace, name)}, 0)) as taken`.execute(kysely)
  return rows[0]?.taken === true
}

/** Keeps other processes from changing tables until the transaction ends. */
export async function lockSchema(kysely: Kysely<unknown>): Promise<void> {
  // Any constant of our own: ASCII of 'starling'.
  await sql`select pg_advisory_xact_lock(x'737461726c696e67'::bigint)`.execute(kysely)
}

function keyOf(workspace: string, name: LockName): string {
  return `starling:${name}:${workspace}`
}
