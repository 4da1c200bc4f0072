import { hash } from 'node:crypto'
import type { CopyTable } from './table-list.ts'

/** A fingerprint of a set of rows: the same in whatever order they come, and from either store. */
export interface RowDigest {
  add(row: Record<string, unknown>): void
  /** 128 bits, in hex. */
  value(): string
}

/**
 * The sum, modulo 2^128, of the first 128 bits of the SHA-256 of each row's values in the order of the
 * columns. JSON counts by its values: PostgreSQL's jsonb has spaces and an order of keys of its own.
 */
export function createRowDigest({ columns }: CopyTable): RowDigest {
  let sum = 0n
  return {
    add(row) {
      const text = columns.map(({ name, type }) => cell(row[name], type)).join('\u0000')
      const bytes = hash('sha256', text, 'buffer')
      sum = BigInt.asUintN(128, sum + (bytes.readBigUInt64BE(0) << 64n) + bytes.readBigUInt64BE(8))
    },
    value: () => sum.toString(16).padStart(32, '0'),
  }
}

/** No two different values have one text; lengths tell where one ends. */
function cell(value: unknown, type: string): string {
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (value instanceof Uint8Array)
    return `x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
  const text = type === 'json' ? sortedJson(JSON.parse(String(value))) : String(value)
  return `${text.length}:${text}`
}

function sortedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([key, own]) => `${JSON.stringify(key)}:${sortedJson(own)}`).join()}}`
}
