import { Client } from 'pg'
import { copyInto } from './copy-into.ts'

/** The rows that one batch of the product writes, by table; each row has its columns' values in order. */
export type BatchRows = Map<string, unknown[][]>

export interface TableShape {
  columns: string[]
  types: string[]
  /** Columns of the primary key of a table whose rows are overwritten; null where rows are appended. */
  overwrites: string[] | null
}

/** How appended rows are written: both are measured, and the faster one counts. */
export type AppendBy = 'unnest' | 'copy'

/**
 * Writes these batches as fast as pg can: one transaction a batch, one statement a table (prepared once), each
 * commit on disk. Resolves to milliseconds.
 */
export async function measureBarePostgres(
  databaseUrl: string,
  shapes: Map<string, TableShape>,
  batches: BatchRows[],
  appendBy: AppendBy,
): Promise<number> {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query('set synchronous_commit = on')
    const startedAt = performance.now()
    for (const batch of batches) {
      await client.query('begin')
      for (const [table, rows] of batch) {
        const shape = shapes.get(table)!
        if (shape.overwrites === null && appendBy === 'copy')
          await copyInto(client, table, shape.columns, rows)
        else await client.query(unnestQuery(table, shape, rows))
      }
      await client.query('commit')
    }
    return performance.now() - startedAt
  } finally {
    await client.end()
  }
}

function unnestQuery(table: string, { columns, types, overwrites }: TableShape, rows: unknown[][]) {
  const arrays = columns.map((_, i) => `$${i + 1}::${types[i]}[]`).join(', ')
  const changes = columns.filter((column) => overwrites !== null && !overwrites.includes(column))
  const conflict =
    overwrites === null
      ? ''
      : ` on conflict (${overwrites.join(', ')}) do update set ${changes.map((c) => `${c} = excluded.${c}`).join(', ')}`
  return {
    name: table,
    text: `insert into ${table} (${columns.join(', ')}) select * from unnest(${arrays})${conflict}`,
    values: columns.map((_, i) => rows.map((row) => row[i])),
  }
}
