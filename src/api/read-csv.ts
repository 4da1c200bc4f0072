import { CsvError, parse } from 'csv-parse/sync'
import type { ApiFault } from '#contracts/errors.ts'

export interface CsvTable {
  header: string[]
  /** `line` is where the row ends in the text, the header being on line 1. */
  rows: { line: number; cells: string[] }[]
}

/** Comma-separated text with a header (RFC 4180). Rows of another length are kept: the caller names them. */
export function readCsv(text: string, rowsMax: number): CsvTable | ApiFault {
  try {
    const parsed = parse(text, {
      bom: true,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    }) as unknown as { record: string[]; info: { lines: number } }[]
    const [first, ...rest] = parsed
    if (first === undefined)
      return { code: 'invalid_request', detail: 'the file is empty: it needs a header' }
    if (rest.length > rowsMax) {
      return { code: 'body_too_large', detail: `more than ${rowsMax} lines: send them in several requests` }
    }
    return {
      header: first.record,
      rows: rest.map(({ record, info }) => ({ line: info.lines, cells: record })),
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    return { code: 'invalid_request', detail: `the CSV cannot be read: ${error.message}` }
  }
}

/** Cells by column name; a fault where the row has another length than the header. */
export function cellsByName(
  header: string[],
  cells: string[],
): { kind: 'cells'; cells: Record<string, string> } | { kind: 'fault'; detail: string } {
  if (cells.length !== header.length) {
    return { kind: 'fault', detail: `${cells.length} cells, the header has ${header.length}` }
  }
  return { kind: 'cells', cells: Object.fromEntries(header.map((name, i) => [name, cells[i] ?? ''])) }
}
