import { type Block, blockSchema, type ItemList, itemListSchema } from '#contracts/campaign.ts'
import { itemFields } from './item-words.ts'
import type { Argument, ShapeNode, ValuePath } from './template-shape.ts'

/** What a template prints of the catalogue. */
export interface ItemUse {
  /** `item.…`: the item that its offer is about. */
  item: boolean
  lists: Partial<Record<ItemList, ListUse>>
}

export interface ListUse extends Block {
  /** What is printed of every item: one that lacks any of these is skipped. */
  required: readonly (readonly string[])[]
}

/** Where a path begins: at the context, at an item, at something of the product's own. */
type Scope = { of: 'root' } | { of: 'item'; list: ItemList | null } | { of: 'other' }

interface Walk {
  faults: string[]
  use: ItemUse
  required: Map<ItemList, Map<string, readonly string[]>>
  /** Whether what is printed here is printed whatever the values are. */
  always: boolean
}

/**
 * Finds what the shapes print of items; a field that no item has is a fault: nobody would ever get that message.
 * Null where they print none.
 */
export function itemUse(
  shapes: readonly (readonly ShapeNode[])[],
  blocks: Partial<Record<ItemList, Block>> | undefined,
): { use: ItemUse | null; faults: string[] } {
  const walk: Walk = { faults: [], use: { item: false, lists: {} }, required: new Map(), always: true }
  for (const nodes of shapes) visit(nodes, { of: 'root' }, walk)
  const { use, faults, required } = walk
  for (const list of itemListSchema.options) {
    if (use.lists[list] === undefined) {
      if (blocks?.[list] !== undefined)
        faults.push(`blocks.${list}: the template does not name items.${list}`)
      continue
    }
    const block = blockSchema.parse(blocks?.[list] ?? {})
    use.lists[list] = { ...block, required: [...(required.get(list)?.values() ?? [])] }
  }
  const isUsed = use.item || Object.keys(use.lists).length > 0
  return { use: isUsed ? use : null, faults: [...new Set(faults)] }
}

function visit(nodes: readonly ShapeNode[], scope: Scope, walk: Walk): void {
  for (const node of nodes) {
    if (node.kind === 'print') {
      visitArgument(node.value, scope, walk)
      continue
    }
    const inner = scopeAt(node.path, scope, walk, node.kind)
    const maybe = { ...walk, always: false }
    if (node.kind === 'each') {
      visit(node.then, inner, inner.of === 'item' ? { ...walk, always: true } : maybe)
    } else {
      visit(node.then, node.kind === 'with' ? inner : scope, maybe)
    }
    visit(node.otherwise, scope, maybe)
  }
}

function visitArgument(argument: Argument, scope: Scope, walk: Walk): void {
  if (argument.kind === 'literal') return
  if (argument.kind === 'call') {
    const own = argument.helper === 'default' ? { ...walk, always: false } : walk
    for (const inner of [...argument.arguments, ...argument.options]) visitArgument(inner, scope, own)
    return
  }
  printed(argument.path, scope, walk)
}

function printed(path: ValuePath, scope: Scope, walk: Walk): void {
  if (path.from === 'loop') return
  const start: Scope = path.from === 'root' ? { of: 'root' } : scope
  const { parts } = path
  if (start.of === 'item') {
    checkField(parts, walk)
    if (start.list !== null && walk.always) require(start.list, parts, walk)
  } else if (start.of === 'root') {
    if (parts[0] === 'item') {
      walk.use.item = true
      checkField(parts.slice(1), walk)
    }
    if (parts[0] === 'items') checkListed(parts, walk)
  }
}

/** `items.cart.0.name`: one of a list, outside of a loop. */
function checkListed(parts: readonly string[], walk: Walk): void {
  const list = listNamed(parts[1], walk)
  if (list === null) return
  if (parts[2] === 'length' && parts.length === 3) return
  if (!/^\d+$/.test(parts[2] ?? '')) {
    walk.faults.push(`items.${list} is a list: print it inside of {{#each items.${list}}}`)
    return
  }
  checkField(parts.slice(3), walk)
}

function checkField([field, name, ...rest]: readonly string[], walk: Walk): void {
  if (field === undefined) walk.faults.push('an item has no text of its own: name a field of it')
  checkKnown(field, walk)
  if (field === 'attributes' && (name === undefined || rest.length > 0))
    walk.faults.push('name one of the attributes: attributes.color')
}

function checkKnown(field: string | undefined, walk: Walk): void {
  if (field !== undefined && !itemFields.has(field))
    walk.faults.push(`items have no ${field}: there is ${[...itemFields].join(', ')}`)
}

function require(list: ItemList, parts: readonly string[], walk: Walk): void {
  const own = walk.required.get(list) ?? new Map<string, readonly string[]>()
  own.set(parts.join('\u0000'), parts)
  walk.required.set(list, own)
}

function listNamed(name: string | undefined, walk: Walk): ItemList | null {
  const list = itemListSchema.options.find((own) => own === name)
  if (list === undefined) {
    walk.faults.push(`there is no items.${name ?? ''}: items.${itemListSchema.options.join(', items.')}`)
    return null
  }
  walk.use.lists[list] ??= { min: 1, max: 1, required: [] }
  return list
}

/** What the inside of a block begins at. */
function scopeAt(path: ValuePath, scope: Scope, walk: Walk, kind: string): Scope {
  if (path.from === 'loop') return { of: 'other' }
  const start: Scope = path.from === 'root' ? { of: 'root' } : scope
  const [first, second] = path.parts
  if (start.of === 'item') checkKnown(first, walk)
  if (start.of !== 'root') return { of: 'other' }
  if (first === undefined) return start
  if (first === 'item') {
    walk.use.item = true
    checkKnown(second, walk)
    return second === undefined ? { of: 'item', list: null } : { of: 'other' }
  }
  if (first !== 'items') return { of: 'other' }
  const list = listNamed(second, walk)
  return path.parts.length === 2 && kind === 'each' ? { of: 'item', list } : { of: 'other' }
}
