import { Readable } from 'node:stream'
import { CsvError, parse } from 'csv-parse'
import type { Item } from '#contracts/item.ts'
import { itemHeaderFault, itemOfCells } from '../csv-item.ts'
import { patched } from '../read-item.ts'
import type { FeedReport } from './feed-rows.ts'

/** Largest number of items of one feed. */
export const feedItemsMax = 200_000
const refusedShown = 100
const itemsPerStep = 500
/** A row is nothing of a feed's whole: that much may stand in one. */
const rowBytesMax = 1_000_000

export interface FeedReading {
  report: FeedReport
  items: number
}

/**
 * Reads a feed's CSV to its end, whatever is wrong with it, and hands over its items some at a time, as long as
 * nothing is. Whoever takes them says which of them it refuses, by id.
 */
export async function readFeed(
  body: Buffer,
  take: (items: readonly Item[]) => Promise<ReadonlyMap<string, string>>,
): Promise<FeedReading> {
  const report: FeedReport = { detail: '', rows: 0, refused: [], refusedTotal: 0 }
  const refuse = (line: number, field: string, detail: string): void => {
    report.refusedTotal += 1
    if (report.refused.length < refusedShown) report.refused.push({ line, field, detail })
  }
  const lines = new Map<string, number>()
  let step: Item[] = []
  const handOver = async (): Promise<void> => {
    if (step.length > 0 && report.refusedTotal === 0) {
      for (const [id, detail] of await take(step)) refuse(lines.get(id) ?? 0, 'id', detail)
    }
    step = []
  }
  let header: string[] | null = null
  try {
    for await (const { line, cells } of rowsOf(body)) {
      if (header === null) {
        header = cells
        const fault = itemHeaderFault(cells)
        if (fault !== null) return { report: { ...report, detail: fault }, items: 0 }
        continue
      }
      report.rows += 1
      if (report.rows > feedItemsMax)
        return { report: { ...report, detail: `more than ${feedItemsMax} items` }, items: 0 }
      const read = itemOfCells(header, cells)
      const item = 'detail' in read ? read : patched(read.id, undefined, read.patch)
      if ('detail' in item) refuse(line, item.field, item.detail)
      else if (lines.has(item.id))
        refuse(line, 'id', `${item.id} stands in line ${lines.get(item.id)} already`)
      else {
        lines.set(item.id, line)
        step.push(item)
        if (step.length === itemsPerStep) await handOver()
      }
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    return { report: { ...report, detail: `the CSV cannot be read: ${error.message}` }, items: 0 }
  }
  await handOver()
  if (report.refusedTotal > 0) report.detail = `${report.refusedTotal} of ${report.rows} rows are refused`
  // An empty file is a publisher's accident: it would take every item away.
  else if (lines.size === 0) report.detail = 'it has no items'
  return { report, items: lines.size }
}

async function* rowsOf(body: Buffer): AsyncGenerator<{ line: number; cells: string[] }> {
  const parser = Readable.from(piecesOf(body)).pipe(
    parse({
      bom: true,
      info: true,
      max_record_size: rowBytesMax,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    }),
  )
  for await (const { record, info } of parser as AsyncIterable<{
    record: string[]
    info: { lines: number }
  }>) {
    yield { line: info.lines, cells: record }
  }
}

const pieceBytes = 65_536

function* piecesOf(body: Buffer): Generator<Buffer> {
  for (let at = 0; at < body.length; at += pieceBytes) yield body.subarray(at, at + pieceBytes)
}
