import type { TemplateContext } from './context.ts'
import { hasValue } from './helpers.ts'
import type { Argument, ShapeNode, ValuePath } from './template-shape.ts'

/** Most passes of one loop; the rest of a longer list is left out. */
const loopPassesMax = 100
/** Most passes of all loops together, nested ones multiplied. */
const loopPassesTotalMax = 10_000

export interface PrintedValues {
  /** Paths that would print as nothing, as written from the root (`event.properties.items.0.name`). */
  missing: string[]
  /** Characters of all printed values before escaping. */
  charactersTotal: number
  /** The loops would run more often than `loopPassesTotalMax`. */
  tooManyPasses: boolean
}

/**
 * Walks the branches that this context takes, as Handlebars will, and collects what they print. A variable
 * in a branch not taken is not required: `{{#if customer.city}}in {{customer.city}}{{/if}}` never misses.
 */
export function printedValues(nodes: ShapeNode[], context: TemplateContext): PrintedValues {
  const flat = flatPrints(nodes)
  if (flat !== null) return printedOf(flat, context)
  const walk: Walk = { root: context, missing: new Set(), charactersTotal: 0, passesLeft: loopPassesTotalMax }
  visit(nodes, { value: context, outer: null, parts: none, loop: null }, walk)
  return {
    missing: [...walk.missing],
    charactersTotal: walk.charactersTotal,
    tooManyPasses: walk.passesLeft < 0,
  }
}

/** A value that is printed whatever the context is, and how often. */
export interface FlatPrint {
  parts: readonly string[]
  times: number
}

/** Shapes are immutable: looked through once. */
const flatOf = new WeakMap<ShapeNode[], FlatPrint[] | null>()

/** Null where blocks or helpers decide what is printed. */
export function flatPrints(nodes: ShapeNode[]): FlatPrint[] | null {
  let flat = flatOf.get(nodes)
  if (flat === undefined) {
    flat = flattened(nodes)
    flatOf.set(nodes, flat)
  }
  return flat
}

function flattened(nodes: ShapeNode[]): FlatPrint[] | null {
  const byPath = new Map<string, FlatPrint>()
  for (const node of nodes) {
    if (node.kind !== 'print' || node.value.kind === 'call') return null
    if (node.value.kind === 'literal') continue
    const { from, parts } = node.value.path
    if (from === 'loop') return null
    // A part may hold a dot itself.
    const key = parts.join('\u0000')
    const known = byPath.get(key)
    if (known === undefined) byPath.set(key, { parts, times: 1 })
    else known.times += 1
  }
  return [...byPath.values()]
}

function printedOf(flat: FlatPrint[], context: TemplateContext): PrintedValues {
  const printed: PrintedValues = { missing: [], charactersTotal: 0, tooManyPasses: false }
  for (const { parts, times } of flat) {
    const value = lookUp(context, parts)
    if (!hasValue(value)) printed.missing.push(parts.join('.'))
    else printed.charactersTotal += times * (typeof value === 'string' ? value : String(value)).length
  }
  return printed
}

/** The value at `parts`, by own properties only, as Handlebars looks up with prototype access off. */
export function lookUp(start: unknown, parts: readonly string[]): unknown {
  let value = start
  for (let i = 0; i < parts.length; i += 1) {
    const part = parts[i]!
    if (value === null || value === undefined || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<string, unknown>)[part]
  }
  return value
}

/** Paths are put together only for what is missing: this runs for every treatment of every decision. */
interface Scope {
  value: unknown
  outer: Scope | null
  /** From the outer scope's value, or from the root, to this one's. */
  parts: readonly string[] | { root: readonly string[] }
  loop: Loop | null
}

/** One for all passes of a loop. */
interface Loop {
  index: number
  key: string
  first: boolean
  last: boolean
}

const none: readonly string[] = []

interface Walk {
  root: TemplateContext
  missing: Set<string>
  charactersTotal: number
  passesLeft: number
}

function visit(nodes: ShapeNode[], scope: Scope, walk: Walk): void {
  for (const node of nodes) {
    if (walk.passesLeft < 0) return
    if (node.kind === 'print') print(node.value, scope, walk)
    else visitBlock(node, scope, walk)
  }
}

function visitBlock(node: BlockNode, scope: Scope, walk: Walk): void {
  const value = valueAt(node.path, scope, walk)
  if (node.kind === 'if' || node.kind === 'unless') {
    const taken = isTruthy(value) === (node.kind === 'if') ? node.then : node.otherwise
    visit(taken, scope, walk)
  } else if (node.kind === 'with') {
    if (isEmpty(value)) visit(node.otherwise, scope, walk)
    else visit(node.then, { value, outer: scope, parts: stepTo(node.path), loop: scope.loop }, walk)
  } else {
    visitLoop(node, value, scope, walk)
  }
}

function visitLoop(node: BlockNode, value: unknown, scope: Scope, walk: Walk): void {
  const list: Scope = { value, outer: scope, parts: stepTo(node.path), loop: scope.loop }
  // One scope for all passes: none is kept.
  const step = ['']
  const loop: Loop = { index: 0, key: '', first: true, last: false }
  const pass: Scope = { value: null, outer: list, parts: step, loop }
  const count = eachOf(value, (item, key, index, last) => {
    walk.passesLeft--
    pass.value = item
    step[0] = key
    loop.index = index
    loop.key = key
    loop.first = index === 0
    loop.last = last
    visit(node.then, pass, walk)
  })
  if (count === 0) visit(node.otherwise, scope, walk)
}

type BlockNode = Exclude<ShapeNode, { kind: 'print' }>

/**
 * Runs over a list's items or an object's own values, at most `loopPassesMax`, and says how many those were.
 */
export function eachOf(
  value: unknown,
  pass: (item: unknown, key: string, index: number, last: boolean) => void,
): number {
  if (value === null || typeof value !== 'object') return 0
  const keys = Array.isArray(value) ? null : Object.keys(value)
  const count = Math.min(loopPassesMax, (keys ?? (value as unknown[])).length)
  for (let index = 0; index < count; index += 1) {
    const key = keys === null ? String(index) : keys[index]!
    pass((value as Record<string, unknown>)[key], key, index, index === count - 1)
  }
  return count
}

function print(argument: Argument, scope: Scope, walk: Walk): void {
  if (argument.kind === 'literal') return
  if (argument.kind === 'call') {
    if (argument.helper !== 'default') {
      for (const inner of argument.arguments) print(inner, scope, walk)
      return
    }
    const found = argument.arguments.find((inner) => isPrintable(inner, scope, walk))
    print(found ?? argument.arguments[0]!, scope, walk)
    return
  }
  const value = valueAt(argument.path, scope, walk)
  if (!hasValue(value)) walk.missing.add(fullPath(argument.path, scope))
  else walk.charactersTotal += typeof value === 'string' ? value.length : String(value).length
}

function isPrintable(argument: Argument, scope: Scope, walk: Walk): boolean {
  if (argument.kind === 'literal') return hasValue(argument.value)
  if (argument.kind === 'path') return hasValue(valueAt(argument.path, scope, walk))
  const some = argument.helper === 'default' ? 'some' : 'every'
  return argument.arguments[some]((inner) => isPrintable(inner, scope, walk))
}

function valueAt(path: ValuePath, scope: Scope, walk: Walk): unknown {
  if (path.from === 'root') return lookUp(walk.root, path.parts)
  if (path.from === 'loop') return scope.loop?.[path.parts[0] as keyof Loop]
  return lookUp(scope.value, path.parts)
}

function stepTo(path: ValuePath): Scope['parts'] {
  return path.from === 'root' ? { root: path.parts } : path.parts
}

/** From the root, as a person would write it. */
function fullPath(path: ValuePath, scope: Scope): string {
  if (path.from === 'loop') return `@${path.parts[0]}`
  if (path.from === 'root') return path.parts.join('.')
  let parts = path.parts
  for (let at: Scope | null = scope; at !== null; at = at.outer) {
    if ('root' in at.parts) return [...at.parts.root, ...parts].join('.')
    parts = [...at.parts, ...parts]
  }
  return parts.join('.')
}

/** As Handlebars' `if`: 0 is false, an empty list is false. */
function isTruthy(value: unknown): boolean {
  return Boolean(value) && !isEmpty(value)
}

/** As Handlebars' `with`: 0 is a value, an empty list is none. */
function isEmpty(value: unknown): boolean {
  return (!value && value !== 0) || (Array.isArray(value) && value.length === 0)
}
