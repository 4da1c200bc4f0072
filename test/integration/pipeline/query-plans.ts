import { DatabaseSync } from 'node:sqlite'

/** Tables that grow with customers or with time: nothing on a hot path may read more of them than it names. */
const bigTables = new Set([
  'identities',
  'customers',
  'consents',
  'consent_records',
  'suppressions',
  'events',
  'event_dedupe',
  'assignments',
  'decisions',
  'decision_ranks',
  'messages',
  'message_transitions',
  'attempts',
  'outbox',
  'outcomes',
  'exposures',
  'rewards',
  'timers',
  'journeys',
  'journey_steps',
  'message_events',
  'callback_receipts',
  'held_clicks',
  'coupon_codes',
  'broadcast_turns',
  'items',
  'item_categories',
])

/** Columns with so few values that an index over them alone still names a share of the table. */
const coarseColumns = new Set([
  'workspace',
  'edition',
  'state',
  'kind',
  'channel',
  'day_utc',
  'campaign_id',
  'goal_id',
])

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
