import { z } from 'zod'
import type { ItemPatch } from '#contracts/item.ts'
import type { JsonObject, JsonValue } from '#contracts/json.ts'
import { itemOfCells } from '../items/csv-item.ts'
import type { AddressFact } from '../pipeline/change-contact.ts'
import type { CustomerLine } from '../pipeline/import-customers.ts'
import type { RecordedDecision } from '../pipeline/import-decisions.ts'
import { type CsvTable, cellsByName } from './read-csv.ts'
import { channelSchema } from './shapes.ts'

export interface RefusedLine {
  line: number
  field: string
  detail: string
}

/** Lines that could be read, each with the line of the file it stands on, and those that could not. */
export interface ImportLines<T> {
  lines: { line: number; value: T }[]
  refused: RefusedLine[]
}

type Columns = Record<string, string>
type Read<T> = { value: T } | { field: string; detail: string }

/** `userId,campaign,arm,propensity,decidedAt` */
export function decisionLines(table: CsvTable): ImportLines<RecordedDecision> {
  return readLines(table, (cells) => {
    const parsed = decisionSchema.safeParse(cells)
    if (!parsed.success) return firstFault(parsed.error)
    return { value: { ...parsed.data, decidedAt: Date.parse(parsed.data.decidedAt) } }
  })
}

/** `channel,address,reason,detail,createdAt`: what an export has, the last three may be left out. */
export function suppressionLines(table: CsvTable): ImportLines<AddressFact> {
  return readLines(table, (cells) => {
    const parsed = suppressionSchema.safeParse(cells)
    return parsed.success ? { value: parsed.data } : firstFault(parsed.error)
  })
}

/** `code`; every other column is left alone. */
export function codeLines(table: CsvTable): ImportLines<string> {
  return readLines(table, (cells) => {
    const parsed = codeSchema.safeParse(cells)
    return parsed.success ? { value: parsed.data.code } : firstFault(parsed.error)
  })
}

/** `id,name,price,…`: a column that is not there says nothing, an empty cell takes a value away. */
export function itemLines(table: CsvTable): ImportLines<{ id: string; patch: ItemPatch }> {
  return readLines(table, (_named, cells) => {
    const read = itemOfCells(table.header, cells)
    return 'detail' in read ? read : { value: read }
  })
}

/**
 * `userId,email,…`: every other column is a trait. `plan` is text, `age:number` and `vip:boolean` say what
 * they are, `address.city` goes into an object. An empty cell says nothing about its trait.
 */
export function customerLines(table: CsvTable): ImportLines<CustomerLine> {
  const columns = table.header.map(traitColumn)
  return readLines(table, (cells, row) => {
    const userId = cells.userId ?? ''
    if (userId === '') return { field: 'userId', detail: 'a customer needs a userId' }
    const traits: JsonObject = {}
    for (const [i, column] of columns.entries()) {
      const text = row[i] ?? ''
      if (column.path[0] === 'userId' || text === '') continue
      const value = typedValue(text, column.type)
      if (value === null) return { field: table.header[i] ?? '', detail: `${text} is no ${column.type}` }
      setPath(traits, column.path, value)
    }
    return { value: { userId, traits } }
  })
}

/** Names of the columns that are missing, and of those that cannot be. */
export function headerFault(header: string[], required: string[]): string | null {
  const missing = required.filter((name) => !header.includes(name))
  if (missing.length > 0) return `the header lacks ${missing.join(', ')}`
  const twice = header.find((name, i) => header.indexOf(name) !== i)
  if (twice !== undefined) return `the header names ${twice} twice`
  const bad = header.find(
    (name) => name === '' || /(^|\.)(__proto__|constructor|prototype)(\.|:|$)/.test(name),
  )
  return bad === undefined ? null : `no column can be called "${bad}"`
}

const decisionSchema = z.object({
  userId: z.string().min(1, 'a decision needs a userId'),
  campaign: z.string().min(1, 'a decision names its campaign'),
  arm: z.string().min(1, 'a decision names its arm'),
  propensity: z.coerce.number('a number').gt(0, 'above 0').max(1, 'at most 1'),
  decidedAt: z.string().refine((text) => !Number.isNaN(Date.parse(text)), 'an instant as ISO 8601 has it'),
})

const codeSchema = z.object({
  code: z.string().regex(/^[\x21-\x7e]{1,100}$/, 'a code has 1 to 100 letters, digits and signs, no spaces'),
})

const suppressionSchema = z
  .object({
    channel: channelSchema,
    address: z.string().min(1, 'an address').max(254),
    reason: z
      .string()
      .default('')
      .transform((reason) => (reason === '' ? 'import' : reason)),
    detail: z.string().max(1000).default('import'),
    createdAt: z
      .string()
      .default('')
      .refine((text) => text === '' || !Number.isNaN(Date.parse(text)), 'an instant as ISO 8601 has it'),
  })
  .transform(({ createdAt, ...fact }) =>
    createdAt === '' ? fact : { ...fact, createdAt: Date.parse(createdAt) },
  )

function readLines<T>(
  { header, rows }: CsvTable,
  read: (cells: Columns, row: string[]) => Read<T>,
): ImportLines<T> {
  const lines: ImportLines<T>['lines'] = []
  const refused: RefusedLine[] = []
  for (const { line, cells } of rows) {
    const named = cellsByName(header, cells)
    const result: Read<T> =
      named.kind === 'fault' ? { field: '', detail: named.detail } : read(named.cells, cells)
    if ('value' in result) lines.push({ line, value: result.value })
    else refused.push({ line, ...result })
  }
  return { lines, refused }
}

function firstFault({ issues }: z.ZodError): { field: string; detail: string } {
  const [issue] = issues
  return { field: String(issue?.path[0] ?? ''), detail: issue?.message ?? '' }
}

interface TraitColumn {
  path: string[]
  type: 'text' | 'number' | 'boolean'
}

function traitColumn(name: string): TraitColumn {
  const match = /^(.*):(number|boolean)$/.exec(name)
  return { path: (match?.[1] ?? name).split('.'), type: (match?.[2] as TraitColumn['type']) ?? 'text' }
}

/** Null: the text is not of that type. */
function typedValue(text: string, type: TraitColumn['type']): JsonValue {
  if (type === 'text') return text
  if (type === 'number') return Number.isFinite(Number(text)) ? Number(text) : null
  return /^true$/i.test(text) ? true : /^false$/i.test(text) ? false : null
}

function setPath(traits: JsonObject, path: string[], value: JsonValue): void {
  let at = traits
  for (const key of path.slice(0, -1)) {
    const inner = at[key]
    const next: JsonObject = typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? inner : {}
    at[key] = next
    at = next
  }
  at[path.at(-1) as string] = value
}
