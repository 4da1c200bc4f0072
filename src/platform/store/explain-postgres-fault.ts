import { codeOf, networkCodes } from './store-faults.ts'

/** The oldest PostgreSQL that the tests run on; older ones are past the end of their support. */
export const postgresVersionLeast = 15

/** One line for the operator about a database that could not be opened; null for a fault of another kind. */
export function explainPostgresFault(error: unknown, url: string): string | null {
  const code = codeOf(error)
  const { where, user, database } = placeOf(url)
  const message = error instanceof Error ? error.message : String(error)
  if (code !== undefined && networkCodes.has(code))
    return `PostgreSQL at ${where} cannot be reached (${code}): is it running, and is DATABASE_URL right?`
  if (/^(?:timeout expired|Connection terminated)/i.test(message))
    return `PostgreSQL at ${where} does not answer (${message}): is it running, and is DATABASE_URL right?`
  switch (code) {
    case '28P01':
    case '28000':
      return `PostgreSQL at ${where} refuses user ${user} (${message}): check user and password in DATABASE_URL`
    case '3D000':
      return `PostgreSQL at ${where} has no database ${database}: make it with createdb, or correct DATABASE_URL`
    case '42501':
      return `user ${user} may not make tables in database ${database} (${message}): make it the database's owner`
    case '53300':
      return `PostgreSQL at ${where} has no connection left (${message}): raise max_connections`
    case '57P03':
      return `PostgreSQL at ${where} is not ready (${message}): try again when it is`
  }
  if (message.includes('SASL') || message.includes('password'))
    return `PostgreSQL at ${where} refuses user ${user} (${message}): check user and password in DATABASE_URL`
  return null
}

/** Null for a URL that pg understands. */
export function urlFault(url: string): string | null {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed !== null && /^postgres(?:ql)?:$/.test(parsed.protocol)) return null
  return 'DATABASE_URL is not of the form postgres://user:password@host:port/database'
}

/** `server_version_num`: 150010 is 15.10. */
export function versionFault(versionNumber: number, url: string): string | null {
  const major = Math.floor(versionNumber / 10_000)
  if (major >= postgresVersionLeast) return null
  return `PostgreSQL at ${placeOf(url).where} is version ${major}: Starling needs ${postgresVersionLeast} or later`
}

function placeOf(url: string) {
  const { hostname, port, username, pathname } = new URL(url)
  const user = decodeURIComponent(username) || 'of the operating system'
  return {
    where: `${hostname || 'localhost'}:${port || '5432'}`,
    user,
    database: decodeURIComponent(pathname.slice(1)) || user,
  }
}
