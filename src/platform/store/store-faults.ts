import { ChangedMeanwhileError } from './changed-meanwhile.ts'

/**
 * Whether the store itself failed (it is away, full, shutting down, or too busy), and not what it was asked
 * to do: the same step may well succeed later. A fault of the data or of a program is no such thing.
 */
export function isStoreFault(error: unknown): boolean {
  if (error instanceof ChangedMeanwhileError) return true
  const code = codeOf(error)
  if (code === 'ERR_SQLITE_ERROR') return sqliteFaults.has((error as { errcode?: number }).errcode! & 0xff)
  if (code !== undefined) return networkCodes.has(code) || postgresFaults.test(code)
  return error instanceof Error && connectionLost.test(error.message)
}

/** Whether PostgreSQL rolled the transaction back only because of others, so that it can be run again at once. */
export function isLostRace(error: unknown): boolean {
  return error instanceof ChangedMeanwhileError || raceCodes.has(codeOf(error) ?? '') || isStalePlan(error)
}

/** A migration of a newer version changed a table under a connection's prepared statement. */
export function isStalePlan(error: unknown): boolean {
  return codeOf(error) === '0A000' && /cached plan/.test((error as Error).message)
}

/**
 * serialization_failure, deadlock_detected; unique_violation: PostgreSQL's manual counts it among them where a
 * key was looked up before it was written (13.5).
 */
const raceCodes = new Set(['40001', '40P01', '23505'])

/**
 * Classes of SQLSTATE: 08 connection, 25P03 idle in transaction too long, 40 rolled back, 53 no room, 55P03 lock
 * not free in time, 57 ended by an operator or a time limit, 58 the machine.
 */
const postgresFaults = /^(?:08...|25P03|40...|53...|55P03|57...|58...)$/

/** SQLITE_BUSY, LOCKED, NOMEM, INTERRUPT, IOERR, FULL, CANTOPEN. */
const sqliteFaults = new Set([5, 6, 7, 9, 10, 13, 14])

export const networkCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
])

/** What pg and Kysely say without a code. */
const connectionLost =
  /^(?:Connection terminated|timeout (?:expired|exceeded)|Query read timeout|Client has encountered a connection error|Client was closed|Postgres connection has been discarded|Cannot use a pool after)/i

export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : undefined
}
