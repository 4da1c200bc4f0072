import type { Kysely, RawBuilder } from 'kysely'

/** Column types of the dialect at hand: what a migration may use, so that each is written once for both. */
export interface ColumnTypes {
  dialect: 'sqlite' | 'postgres'
  /** Sorted by code point in both (`collate "C"` in PostgreSQL). */
  text: RawBuilder<unknown>
  /** 64-bit integer. */
  int: RawBuilder<unknown>
  real: RawBuilder<unknown>
  /** text in SQLite, jsonb in PostgreSQL. */
  json: RawBuilder<unknown>
  blob: RawBuilder<unknown>
  autoIncrement: RawBuilder<unknown>
}

export interface StoreMigration {
  up(db: Kysely<unknown>, types: ColumnTypes): Promise<void>
}
