import { DatabaseSync } from 'node:sqlite'
import { bigTables, coarseColumns } from '../../support/big-tables.ts'

/** Collects the texts of all statements that SQLite is asked to prepare until `stop` gives them back. */
export function collectStatements(): { stop(): string[] } {
  const statements = new Set<string>()
  const prepare = DatabaseSync.prototype.prepare
  DatabaseSync.prototype.prepare = function (...parameters) {
    statements.add(parameters[0])
    return prepare.apply(this, parameters)
  }
  return {
    stop() {
      DatabaseSync.prototype.prepare = prepare
      return [...statements]
    },
  }
}

/** What SQLite would read too much of for this statement, one line each. */
export function wideReads(database: DatabaseSync, statement: string): string[] {
  const aliases = new Map(
    [...statement.matchAll(/"?(\w+)"? as "?(\w+)"?/gi)].map(([, table, alias]) => [alias!, table!]),
  )
  const steps = database.prepare(`explain query plan ${statement}`).all()
  return steps.map(({ detail }) => String(detail)).filter((detail) => isWide(detail, aliases))
}

function isWide(detail: string, aliases: ReadonlyMap<string, string>): boolean {
  const [, verb, name = ''] = /^(SCAN|SEARCH) (\w+)/.exec(detail) ?? []
  if (verb === undefined || !bigTables.has(aliases.get(name) ?? name)) return false
  if (verb === 'SCAN') return true
  const bound = /\(([^()]*(?:\([^()]*\))?[^()]*)\)$/.exec(detail)?.[1] ?? ''
  return !bound.split(' AND ').some((term) => !coarseColumns.has(/^\w+/.exec(term)?.[0] ?? 'workspace'))
}
