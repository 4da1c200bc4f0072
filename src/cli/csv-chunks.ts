import type { Readable } from 'node:stream'
import { CsvError, parse } from 'csv-parse'
import { stringify } from 'csv-stringify/sync'

/** Some rows of a file with its header, as a text of their own. */
export interface CsvChunk {
  csv: string
  /** Of each row: the line of the file it ends on. */
  lines: number[]
  /** Of each row: the line of `csv` it ends on. */
  bodyLines: number[]
  bytesRead: number
}

/** Cuts a CSV file into texts of at most `rowsMax` rows; a quoted cell may hold line breaks. */
export async function* csvChunks(
  input: Readable,
  rowsMax: number,
): AsyncGenerator<CsvChunk | { fault: string }> {
  let bytesRead = 0
  input.on('data', (data: Buffer) => {
    bytesRead += data.length
  })
  const parser = input.pipe(
    parse({ bom: true, info: true, relax_column_count: true, skip_empty_lines: true, trim: true }),
  )
  input.on('error', (error) => parser.destroy(error))
  let header: string[] | undefined
  let rows: string[][] = []
  let lines: number[] = []
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: string[]
      info: { lines: number }
    }>) {
      if (header === undefined) {
        header = record
        continue
      }
      rows.push(record)
      lines.push(info.lines)
      if (rows.length < rowsMax) continue
      yield chunkOf(header, rows, lines, bytesRead)
      rows = []
      lines = []
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    yield { fault: error.message }
    return
  }
  if (header === undefined) yield { fault: 'the file is empty: it needs a header' }
  else if (rows.length > 0) yield chunkOf(header, rows, lines, bytesRead)
}

function chunkOf(header: string[], rows: string[][], lines: number[], bytesRead: number): CsvChunk {
  const bodyLines: number[] = []
  let csv = stringify([header])
  let line = breaksIn(csv)
  for (const row of rows) {
    const text = stringify([row])
    line += breaksIn(text)
    bodyLines.push(line)
    csv += text
  }
  return { csv, lines, bodyLines, bytesRead }
}

function breaksIn(text: string): number {
  return text.split('\n').length - 1
}
