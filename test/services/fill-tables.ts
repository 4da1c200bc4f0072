import type { Client } from 'pg'
import { tableShapes } from '../contract/table-shapes.ts'
import { bigTables } from '../support/big-tables.ts'

/** Columns of which a workspace has few values: `number of values`. */
const fewValues: Record<string, number> = {
  kind: 3,
  channel: 2,
  campaign_id: 5,
  goal_id: 3,
  campaign_version: 2,
  treatment_id: 6,
  variant_id: 2,
  state: 4,
}
const firstDay = Date.UTC(2026, 4, 1) / 86_400_000
const days = 120

/**
 * So many rows of one tenant in each table that grows, and the server's own count of them: a planner that
 * knows no rows says nothing about what it would do with many.
 */
export async function fillTables(client: Client, rows: number): Promise<void> {
  for (let month = 5; month <= 8; month++) {
    const from = Date.UTC(2026, month - 1, 1) / 86_400_000
    const to = Date.UTC(2026, month, 1) / 86_400_000
    for (const table of ['events', 'decisions', 'outcomes'])
      await client.query(
        `create table ${table}_2026_0${month} partition of ${table} for values from (${from}) to (${to})`,
      )
  }
  for (const [table, { columns }] of Object.entries(tableShapes)) {
    if (!bigTables.has(table)) continue
    const names = Object.keys(columns).filter((name) => !(table === 'rewards' && name === 'sequence'))
    const values = names.map((name) => cellOf(name, (columns as Record<string, string>)[name]!))
    await client.query(`insert into ${table} (${names.map((name) => `"${name}"`).join()})
      select ${values.join()} from generate_series(1, ${rows}) as i on conflict do nothing`)
  }
  await client.query('analyze')
}

function cellOf(name: string, kind: string): string {
  const few = fewValues[name]
  if (name === 'workspace') return `'main'`
  if (name.endsWith('day_utc')) return `${firstDay} + i % ${days}`
  if (kind === 'json') return `'{}'::jsonb`
  if (kind === 'blob') return `'\\x00'::bytea`
  if (kind === 'text' || kind === 'text?')
    return few === undefined ? `md5('${name}' || i)` : `'${name}' || i % ${few}`
  if (few !== undefined) return `i % ${few}`
  return /(?:_at|_until)$/.test(name) ? `${firstDay * 86_400_000}::bigint + i * 345600::bigint` : 'i'
}
