import { type ItemPatch, itemIdSchema, itemPatchSchema } from '#contracts/item.ts'
import type { FieldFault } from './read-item.ts'

const columns = [
  'id',
  'name',
  'price',
  'currency',
  'stock',
  'imageUrl',
  'link',
  'categories',
  'validFrom',
  'validUntil',
  'rank',
] as const

/** What is wrong with the header; null where nothing is. */
export function itemHeaderFault(header: readonly string[]): string | null {
  if (!header.includes('id')) return 'the header lacks id'
  const twice = header.find((name, i) => header.indexOf(name) !== i)
  if (twice !== undefined) return `the header names ${twice} twice`
  const unknown = header.find((name) => !isColumn(name))
  return unknown === undefined
    ? null
    : `no column can be called "${unknown}": there is ${columns.join(', ')}, attributes.NAME`
}

/**
 * One row: `id` and what its other columns say, categories parted by `|`, attributes as `attributes.color`,
 * `attributes.size:number`, `attributes.vegan:boolean`. An empty cell takes the value away.
 */
export function itemOfCells(
  header: readonly string[],
  cells: readonly string[],
): { id: string; patch: ItemPatch } | FieldFault {
  if (cells.length !== header.length)
    return { field: '', detail: `${cells.length} cells, the header has ${header.length}` }
  const patch: Record<string, unknown> = {}
  const attributes: Record<string, unknown> = {}
  let id = ''
  for (const [i, name] of header.entries()) {
    const text = cells[i]!.trim()
    if (name === 'id') {
      const parsed = itemIdSchema.safeParse(text)
      if (!parsed.success) return { field: 'id', detail: parsed.error.issues[0]!.message }
      id = text
      continue
    }
    const value = cellValue(name, text)
    if (value === undefined) return { field: name, detail: `${text} is no ${typeOf(name)}` }
    if (name.startsWith(attributePrefix)) attributes[attributeName(name)] = value
    else patch[name] = value
  }
  if (Object.keys(attributes).length > 0) patch.attributes = attributes
  const parsed = itemPatchSchema.safeParse(patch)
  if (parsed.success) return { id, patch: parsed.data }
  const [issue] = parsed.error.issues
  return { field: issue?.path.join('.') ?? '', detail: issue?.message ?? '' }
}

const attributePrefix = 'attributes.'
const numeric: ReadonlySet<string> = new Set(['price', 'stock', 'rank'])

function isColumn(name: string): boolean {
  if ((columns as readonly string[]).includes(name)) return true
  return /^attributes\.[A-Za-z_][A-Za-z0-9_-]{0,63}(:number|:boolean)?$/.test(name) && name !== '__proto__'
}

function attributeName(name: string): string {
  return name.slice(attributePrefix.length).replace(/:(number|boolean)$/, '')
}

function typeOf(name: string): 'number' | 'boolean' | 'text' {
  if (numeric.has(name) || name.endsWith(':number')) return 'number'
  return name.endsWith(':boolean') ? 'boolean' : 'text'
}

/** Undefined: the text is nothing of that kind; null takes the value away. */
function cellValue(name: string, text: string): unknown {
  if (name === 'categories') {
    return text
      .split('|')
      .map((own) => own.trim())
      .filter((own) => own !== '')
  }
  if (text === '') return name === 'rank' ? 0 : name === 'name' ? '' : null
  const type = typeOf(name)
  if (type === 'number') return Number.isFinite(Number(text)) ? Number(text) : undefined
  if (type === 'text') return text
  return /^true$/i.test(text) ? true : /^false$/i.test(text) ? false : undefined
}
