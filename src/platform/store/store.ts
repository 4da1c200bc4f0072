import type {
  DeleteQueryBuilder,
  DeleteResult,
  Insertable,
  Kysely,
  Selectable,
  SelectQueryBuilder,
  UpdateQueryBuilder,
  UpdateResult,
} from 'kysely'
import type { LockName } from './locks.ts'
import type { PartitionKeeper } from './partitions.ts'
import type { QueryValues, RecurringQuery, SystemQuery } from './recurring-query.ts'
import type { StoreSchema } from './schema.ts'

export type SystemTable = 'workspaces' | 'api_keys' | 'system_settings' | 'log_offsets' | 'provider_states'
export type WorkspaceTable = Exclude<keyof StoreSchema, SystemTable>

/**
 * The primary rows. SQLite on one machine, PostgreSQL on many; the same queries on both.
 *
 * A transaction is reached by its handle only: using the store inside `work` would wait for itself.
 * Writers of all threads queue behind one fair ticket; reads never wait.
 */
export interface Store {
  readonly dialect: 'sqlite' | 'postgres'
  /** Read without a transaction: sees what is committed. */
  readonly read: StoreScope
  /**
   * One write transaction (`begin immediate`): all or nothing. Rolls back when `work` throws, and when one
   * of its statements failed, even if `work` caught that.
   *
   * PostgreSQL runs `work` again, a few times, when others made it impossible (a deadlock, a row that changed
   * meanwhile, a key that somebody else took): what it does beside the transaction must bear that.
   */
  transaction<T>(work: (tx: StoreTransaction) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** One consistent read over several queries. */
  snapshot<T>(work: (scope: StoreScope) => Promise<T>): Promise<T>
  /** The tables that PostgreSQL keeps in months; null in SQLite. */
  readonly partitions: PartitionKeeper | null
  close(): Promise<void>
}

export interface TransactionOptions {
  /**
   * `later`: others see it at once, and the disk has it with the next transaction that says nothing; a power cut
   * may take it back before. For what a record in the log brings again. Default `now`.
   */
  durable?: 'now' | 'later'
}

export interface StoreScope {
  /** The only way to a tenant's rows. */
  workspace(workspace: string): WorkspaceDb
  /** Tables that belong to no tenant. */
  readonly system: Pick<
    Kysely<Pick<StoreSchema, SystemTable>>,
    'selectFrom' | 'insertInto' | 'updateTable' | 'deleteFrom'
  >
  /** As the one of `WorkspaceDb`, over the system's tables. */
  recurring<V extends QueryValues, R>(query: SystemQuery<V, R>, values: V): Promise<R[]>
  /**
   * In SQLite what `work` asks by recurring queries, before it waits for anything, is read under one snapshot:
   * seven look-ups took 61 µs so, and 97 each under its own. PostgreSQL gets the same queries as they are.
   */
  atOnce<T>(work: () => T): T
}

export interface StoreTransaction extends StoreScope {
  /** True while another writer waits for the ticket: a batch ends soon then (5 ms). */
  othersWait(): boolean
  systemBulk<T extends SystemTable>(
    table: T,
    rows: Insertable<StoreSchema[T]>[],
    onConflict: OnConflict<T>,
  ): Promise<void>
}

/** What a bulk insert does with a row whose key is there already. */
export type OnConflict<T extends keyof StoreSchema> =
  | 'fail'
  | 'ignore'
  /** Overwrite these columns of the row with the given key (the primary key). */
  | {
      key: (keyof StoreSchema[T] & string)[]
      update: (keyof StoreSchema[T] & string)[]
      /** Add these numbers to those of the row that is there. */
      add?: (keyof StoreSchema[T] & string)[]
      /** Keep the lower, the higher of both numbers. */
      lowest?: (keyof StoreSchema[T] & string)[]
      highest?: (keyof StoreSchema[T] & string)[]
      /**
       * Leave the row as it is, and do not count it as written, unless it is still what was read: its version
       * is the one before the new row's, or its column has this value.
       */
      onlyIf?: 'version-before' | { column: keyof StoreSchema[T] & string; is: string }
    }

/** Queries of one tenant. Each builder already carries the workspace: it cannot be forgotten. */
export interface WorkspaceDb {
  readonly workspace: string
  readonly dialect: 'sqlite' | 'postgres'
  /** `select … from table where table.workspace = this one`. Join other tables on their workspace column. */
  selectFrom<T extends WorkspaceTable>(table: T): SelectQueryBuilder<StoreSchema, T, Record<never, never>>
  updateTable<T extends WorkspaceTable>(table: T): UpdateQueryBuilder<StoreSchema, T, T, UpdateResult>
  deleteFrom<T extends WorkspaceTable>(table: T): DeleteQueryBuilder<StoreSchema, T, DeleteResult>
  /**
   * Inserts rows in one statement (json_each in SQLite, unnest in PostgreSQL); the workspace column is
   * filled in. Resolves to the number of rows written.
   */
  bulkInsert<T extends WorkspaceTable>(
    table: T,
    rows: WorkspaceRowOf<T>[],
    onConflict: OnConflict<T>,
  ): Promise<number>
  /** Rows whose `column` is one of `values`, in one statement however many values there are. */
  selectByKeys<T extends WorkspaceTable, C extends keyof StoreSchema[T] & string>(
    table: T,
    column: C,
    values: readonly string[],
  ): SelectQueryBuilder<StoreSchema, T, Record<never, never>>
  /** The rows of a query that is built once and run often. */
  recurring<V extends QueryValues, R>(query: RecurringQuery<V, R>, values: V): Promise<R[]>
  /**
   * Serialises with every other transaction that locks or writes the same customers (`for update` in
   * PostgreSQL; SQLite has one writer anyway). A customer without a row has nothing to lock.
   */
  lockCustomers(customerIds: readonly string[]): Promise<void>
  /**
   * The same for those that nobody else has locked; never waits. Resolves to those which are this
   * transaction's now, with those that have no row. Whoever holds messages asks this way.
   */
  tryLockCustomers(customerIds: readonly string[]): Promise<Set<string>>
  /** Holds a lock of this workspace until the transaction ends; waits for it. Default `alone`. */
  lock(name: LockName, mode?: 'shared' | 'alone'): Promise<void>
  /** False, without waiting, when another transaction holds it. */
  tryLock(name: LockName): Promise<boolean>
}

export type WorkspaceRowOf<T extends WorkspaceTable> = Omit<Insertable<StoreSchema[T]>, 'workspace'>
export type RowOf<T extends keyof StoreSchema> = Selectable<StoreSchema[T]>
