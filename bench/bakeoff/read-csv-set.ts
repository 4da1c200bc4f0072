import { CsvError, parse } from 'csv-parse/sync'
import { type ClassificationSet, type Column, classColumn, SetFault } from './classification-set.ts'

/**
 * Reads comma-separated text with a header (RFC 4180). A column is a number if all its values are, else a
 * category; missing is an empty cell or `?`, and beside numbers also `NA` and `NaN`. Rows without a class are
 * left out.
 */
export function readCsvSet(file: string, name: string, text: string): ClassificationSet {
  const rows = records(file, text)
  const header = rows[0]
  if (header === undefined || header.length < 2) {
    throw new SetFault(file, 1, 'a header with at least two columns is needed')
  }
  const twice = header.find((one, column) => header.indexOf(one) !== column)
  if (twice !== undefined) throw new SetFault(file, 1, `column ${JSON.stringify(twice)} stands there twice`)
  const at = classColumn(header)
  const kept = rows.slice(1).filter((row) => !isMissing(row[at]!))
  if (kept.length === 0) throw new SetFault(file, 1, 'no row has a class')
  return {
    name,
    columns: header.flatMap((one, column) =>
      column === at
        ? []
        : [
            readColumn(
              one,
              kept.map((row) => row[column]!),
            ),
          ],
    ),
    labels: kept.map((row) => row[at]!),
  }
}

function records(file: string, text: string): string[][] {
  try {
    return parse(text, { bom: true, trim: true, skip_empty_lines: true })
  } catch (error) {
    if (error instanceof CsvError) throw new SetFault(file, Number(error.lines ?? 1), error.message)
    throw error
  }
}

function readColumn(name: string, cells: string[]): Column {
  const numbers = cells.map((cell) => (isMissing(cell) || isNoNumber(cell) ? Number.NaN : Number(cell)))
  const areNumbers = cells.every(
    (cell, row) => isMissing(cell) || isNoNumber(cell) || Number.isFinite(numbers[row]),
  )
  if (areNumbers && numbers.some(Number.isFinite)) return { name, kind: 'number', values: numbers }
  return { name, kind: 'category', values: cells.map((cell) => (isMissing(cell) ? null : cell)) }
}

function isMissing(cell: string): boolean {
  return cell === '' || cell === '?'
}

function isNoNumber(cell: string): boolean {
  return cell === 'NA' || cell === 'NaN'
}
