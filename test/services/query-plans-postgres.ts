import { Client } from 'pg'
import { bigTables, coarseColumns } from '../support/big-tables.ts'

interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Index Cond'?: string
  'Recheck Cond'?: string
  'Tid Cond'?: string
  Plans?: PlanNode[]
}

/** Collects the texts of all statements that pg is asked to run until `stop` gives them back. */
export function collectStatements(): { stop(): string[] } {
  const statements = new Set<string>()
  const { query } = Client.prototype
  Client.prototype.query = function (this: Client, ...parameters: unknown[]) {
    const [first] = parameters
    const text = typeof first === 'string' ? first : (first as { text?: unknown }).text
    if (typeof text === 'string') statements.add(text)
    return Reflect.apply(query, this, parameters)
  } as typeof query
  return {
    stop() {
      Client.prototype.query = query
      return [...statements]
    },
  }
}

/** The plan of a statement for values that are not known. */
export async function planOf(client: Client, text: string): Promise<PlanNode> {
  const count = Math.max(0, ...[...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number)))
  const values = Array.from({ length: count }, () => 'null')
  await client.query(`prepare planned as ${text}`)
  try {
    const { rows } = await client.query(
      `explain (format json) execute planned${count === 0 ? '' : `(${values.join()})`}`,
    )
    return rows[0]['QUERY PLAN'][0].Plan
  } finally {
    await client.query('deallocate planned')
  }
}

/** Scans that would read too much, one line each, but for those of empty tables. */
export function wideReads(node: PlanNode, empty: ReadonlySet<string>): string[] {
  const own = isWide(node, empty)
    ? [`${node['Node Type']} of ${node['Relation Name']} by ${node['Index Cond'] ?? node['Recheck Cond']}`]
    : []
  return [...own, ...(node.Plans ?? []).flatMap((child) => wideReads(child, empty))]
}

function isWide(node: PlanNode, empty: ReadonlySet<string>): boolean {
  if (empty.has(node['Relation Name'] ?? '')) return false
  const table = node['Relation Name']?.replace(/_(?:\d{4}_\d\d|default)$/, '')
  if (table === undefined || !bigTables.has(table) || !node['Node Type'].endsWith('Scan')) return false
  const condition = node['Index Cond'] ?? node['Recheck Cond'] ?? node['Tid Cond'] ?? ''
  const bound = [...condition.matchAll(/\(+(?:\w+\.)?(\w+)\)?(?:::\w+)? (?:=|<|>)/g)].map(
    ([, column]) => column!,
  )
  return !bound.some((column) => !coarseColumns.has(column))
}
