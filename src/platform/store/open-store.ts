import type { Clock } from '#contracts/clock.ts'
import { systemClock } from '#platform/clock/system-clock.ts'
import { openPostgres } from './open-postgres.ts'
import { openSqlite } from './open-sqlite.ts'
import type { Store } from './store.ts'
import { createWriterTicket, type WriterTicket } from './writer-ticket.ts'

/** Where the rows are; plain data, so that it can be handed to another thread. */
export interface StoreLocation {
  /** SQLite: the store's file, made when missing. */
  file?: string
  /** PostgreSQL: a connection URL. Wins over `file`. */
  url?: string
}

export interface StoreOptions extends StoreLocation {
  /** SQLite: the lock that all threads of this process share; left out, this store is the only writer. */
  ticket?: WriterTicket
  /** Dates the migrations. */
  wallClock?: Clock
}

/** Opens the store and brings it to this version; throws one line for the operator when it is of a newer one. */
export async function openStore({
  file,
  url,
  ticket,
  wallClock = systemClock,
}: StoreOptions): Promise<Store> {
  if (url !== undefined) return openPostgres(url, wallClock.now)
  if (file !== undefined) return openSqlite(file, ticket ?? createWriterTicket(), wallClock.now)
  throw new Error('a store is opened by the name of its file or by the URL of its database')
}
