import type { DatabaseSync } from 'node:sqlite'

export interface CopyTable {
  name: string
  columns: CopyColumn[]
}

export interface CopyColumn {
  name: string
  type: 'integer' | 'real' | 'text' | 'json' | 'blob'
}

/** Every table of a store's file with all its columns, as the migrations made them: none can be forgotten. */
export function readTables(database: DatabaseSync): CopyTable[] {
  return database
    .prepare(`select sqlite_schema.name from sqlite_schema
      where sqlite_schema.type = 'table' and sqlite_schema.name not like 'sqlite\\_%' escape '\\'
        and sqlite_schema.name <> 'store_migrations'
      order by sqlite_schema.name`)
    .all()
    .map((row) => ({ name: String(row.name), columns: readColumns(database, String(row.name)) }))
}

function readColumns(database: DatabaseSync, table: string): CopyColumn[] {
  return database
    .prepare('select info.name, lower(info.type) as type from pragma_table_info(?) as info order by info.cid')
    .all(table)
    .map((row) => {
      const name = String(row.name)
      // PostgreSQL keeps it as jsonb: spaces and the order of keys are its own.
      return { name, type: name.endsWith('_json') ? 'json' : (String(row.type) as CopyColumn['type']) }
    })
}
