import type { Customer } from './profile.ts'

/**
 * Says which state of a customer's row a copy was made of: `profileStamp` of its version and `updated_at`.
 * The version alone would not do: a customer who is erased and comes back starts again at 1.
 */
export type ProfileStamp = string

/** Copies of customers, for answers that cannot wait for the store. Down or slow: everything is a miss. */
export interface ProfileCache {
  /** By customer, those whose copy has the stamp that the row has now; the others are misses. */
  get(
    workspace: string,
    wanted: readonly { customerId: string; stamp: ProfileStamp }[],
  ): Promise<Map<string, Customer>>
  /** Kept for a minute at most. */
  set(workspace: string, copies: readonly { customer: Customer; stamp: ProfileStamp }[]): Promise<void>
  /** For erasure. False: nobody answered; the copies go by themselves within a minute. */
  forget(workspace: string, customerIds: readonly string[]): Promise<boolean>
}

export function profileStamp(row: { version: number; updated_at: number }): ProfileStamp {
  return `${row.version}.${row.updated_at}`
}
