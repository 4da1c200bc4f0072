import type { Comparison } from '#contracts/condition.ts'
import type { JsonValue } from '#contracts/json.ts'

type Operand = string | number | boolean | (string | number | boolean)[]

/**
 * A comparison with a fixed value. Nothing is converted: the string '5' is not the number 5, and is neither
 * above nor below it. Strings are in the order of their UTF-16 code units, which is right for ISO dates.
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
      return (actual) => sameOrder(actual, value) && (actual as number) > (value as number)
    case 'gte':
      return (actual) => sameOrder(actual, value) && (actual as number) >= (value as number)
    case 'lt':
      return (actual) => sameOrder(actual, value) && (actual as number) < (value as number)
    case 'lte':
      return (actual) => sameOrder(actual, value) && (actual as number) <= (value as number)
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
function sameOrder(actual: unknown, value: unknown): boolean {
  return (
    (typeof actual === 'number' && typeof value === 'number') ||
    (typeof actual === 'string' && typeof value === 'string')
  )
}
