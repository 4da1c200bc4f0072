import type { ContactSlot } from '#contracts/guardrail.ts'
import type { JsonObject, JsonValue } from '#contracts/json.ts'

/** Longest array of a trait that is read: tags and interests, not logs. */
const traitValuesMax = 32

/** 0 at 0, 1 from `full` on. */
export function logScaled(amount: number, full: number): number {
  return amount > 0 ? Math.min(1, Math.log1p(amount) / Math.log1p(full)) : 0
}

/** Marketing contacts in (since, now]; what is queued has not reached anybody yet. */
export function contactsSince(contacts: readonly ContactSlot[], since: number, now: number): number {
  let count = 0
  for (const contact of contacts) {
    const reached = contact.state !== 'queued' && !contact.transactional
    if (reached && contact.at > since && contact.at <= now) count += 1
  }
  return count
}

/** The trait itself where the name has dots of its own, else the value the path leads to. */
export function traitValue(traits: JsonObject, path: string): JsonValue | undefined {
  if (Object.hasOwn(traits, path)) return traits[path]
  let value: JsonValue | undefined = traits
  let from = 0
  while (from <= path.length) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    const dot = path.indexOf('.', from)
    const key = path.slice(from, dot < 0 ? path.length : dot)
    value = Object.hasOwn(value, key) ? value[key] : undefined
    if (dot < 0) return value
    from = dot + 1
  }
  return undefined
}

/** The plain values of a trait: itself, or of an array the first ones. */
export function eachPlainValue(
  value: JsonValue | undefined,
  visit: (value: string | number | boolean) => void,
): void {
  if (value === undefined || value === null) return
  if (!Array.isArray(value)) {
    if (typeof value !== 'object') visit(value)
    return
  }
  for (let i = 0; i < value.length && i < traitValuesMax; i += 1) {
    const item = value[i]
    if (item !== undefined && item !== null && typeof item !== 'object') visit(item)
  }
}

/** 32 bits of `name=value`: FNV-1a over UTF-16 code units, mixed by murmur3's finaliser. */
export function hashOf(name: string, value: string | number | boolean): number {
  return hashOfParts(name, '=', typeof value === 'string' ? value : String(value), '', '')
}

/** The same of five texts one after the other, without putting them together. */
export function hashOfParts(a: string, b: string, c: string, d: string, e: string): number {
  let hash = fnv1a(fnv1a(fnv1a(fnv1a(fnv1a(0x811c9dc5, a), b), c), d), e)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function fnv1a(start: number, text: string): number {
  let hash = start
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}
