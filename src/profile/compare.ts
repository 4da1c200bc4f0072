import type { Comparison } from '#contracts/condition.ts'
import type { JsonValue } from '#contracts/json.ts'

type Operand = string | number | boolean | (string | number | boolean)[]

/**
 * A comparison with a fixed value. Nothing is converted: the string '5' is not the number 5, and is neither
 * above nor below it. Strings are in the order of their code points, as in both databases: right for ISO dates.
 * Null and absent are alike; `ne` is the opposite of `eq` and so holds for them.
 */
export function compileComparison(
  op: Comparison,
  value: Operand,
): (actual: JsonValue | undefined) => boolean {
  switch (op) {
    case 'eq':
      return (actual) => actual === value
    case 'ne':
      return (actual) => actual !== value
    case 'in': {
      const values = new Set<unknown>(Array.isArray(value) ? value : [])
      return (actual) => values.has(actual)
    }
    case 'gt':
      return ordered(value, (order) => order > 0)
    case 'gte':
      return ordered(value, (order) => order >= 0)
    case 'lt':
      return ordered(value, (order) => order < 0)
    case 'lte':
      return ordered(value, (order) => order <= 0)
    case 'contains':
      return (actual) => {
        if (Array.isArray(value)) return false
        if (Array.isArray(actual)) return actual.includes(value)
        return typeof actual === 'string' && typeof value === 'string' && actual.includes(value)
      }
    case 'exists':
      return (actual) => (actual !== undefined && actual !== null) === value
  }
}

/** What a person should be told about an operator and value that do not fit each other; null when they do. */
export function comparisonFault(op: Comparison, value: Operand): string | null {
  if (op === 'in') return Array.isArray(value) ? null : 'in takes a list'
  if (Array.isArray(value)) return `${op} takes one value, not a list`
  if (op === 'exists') return typeof value === 'boolean' ? null : 'exists takes true or false'
  const ordered = op === 'gt' || op === 'gte' || op === 'lt' || op === 'lte'
  return ordered && typeof value === 'boolean' ? `${op} takes a number or a string` : null
}

/** Both numbers or both strings: what may be compared by order. */
function ordered(
  value: Operand,
  holds: (order: number) => boolean,
): (actual: JsonValue | undefined) => boolean {
  if (typeof value === 'number')
    return (actual) => typeof actual === 'number' && holds(plainOrder(actual, value))
  if (typeof value !== 'string') return () => false
  const compare = isBelowSurrogates(value) ? plainOrder : codePointOrder
  return (actual) => typeof actual === 'string' && holds(compare(actual, value))
}

/** Of a text with code units below the surrogates only, both orders are one. */
function isBelowSurrogates(text: string): boolean {
  return !/[\ud800-\uffff]/.test(text)
}

function plainOrder<T extends number | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** UTF-16 puts U+10000 and above before U+E000, UTF-8 and the databases after it. */
function codePointOrder(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return lifted(x) - lifted(y)
  }
  return a.length - b.length
}

function lifted(codeUnit: number): number {
  return codeUnit >= 0xd800 && codeUnit <= 0xdfff ? codeUnit + 0x10000 : codeUnit
}
