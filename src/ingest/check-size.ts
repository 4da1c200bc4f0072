import { type EventFault, eventFault } from './event-fault.ts'
import type { IngestLimits } from './ingest-limits.ts'

/**
 * Walks everything of an event once and finds the first limit it breaks: depth, keys, lengths, keys that
 * name an object prototype. Never goes deeper than the limit, so no input overflows the stack.
 */
export function checkSize(event: object, limits: IngestLimits): EventFault | null {
  return walkObject(event as Record<string, unknown>, 1, { keys: 0, chars: 0 }, limits)
}

interface Tally {
  keys: number
  /** A lower bound of the event's JSON, so that a long one is left early. */
  chars: number
}

function walkObject(
  object: Record<string, unknown>,
  depth: number,
  tally: Tally,
  limits: IngestLimits,
): EventFault | null {
  if (depth > limits.depthMax) return tooDeep(limits)
  for (const key in object) {
    const { length } = key
    if (++tally.keys > limits.keysMax)
      return eventFault('too_many_keys', '', `more than ${limits.keysMax} keys`)
    if (length > limits.nameCharsMax) {
      return eventFault('too_long', `${key.slice(0, 32)}…`, `a key longer than ${limits.nameCharsMax}`)
    }
    if (isPrototypeKey(key, length)) return eventFault('forbidden_key', key, 'names an object prototype')
    tally.chars += length + 4
    const fault = walkValue(object[key], depth, tally, limits)
    if (fault !== null) return under(key, fault)
  }
  return null
}

function walkArray(array: unknown[], depth: number, tally: Tally, limits: IngestLimits): EventFault | null {
  if (depth > limits.depthMax) return tooDeep(limits)
  for (let i = 0; i < array.length; i++) {
    tally.chars += 1
    const fault = walkValue(array[i], depth, tally, limits)
    if (fault !== null) return under(String(i), fault)
  }
  return null
}

function walkValue(value: unknown, depth: number, tally: Tally, limits: IngestLimits): EventFault | null {
  if (typeof value === 'string') {
    if (value.length > limits.stringCharsMax) {
      return eventFault('too_long', '', `a string longer than ${limits.stringCharsMax}`)
    }
    tally.chars += value.length
  } else if (typeof value === 'object' && value !== null) {
    const fault = Array.isArray(value)
      ? walkArray(value, depth + 1, tally, limits)
      : walkObject(value as Record<string, unknown>, depth + 1, tally, limits)
    if (fault !== null) return fault
  }
  return tally.chars > limits.eventBytesMax ? tooLarge(limits) : null
}

/** Lengths first: nearly every key ends the question there. */
function isPrototypeKey(key: string, length: number): boolean {
  if (length === 9) return key === '__proto__' || key === 'prototype'
  return length === 11 && key === 'constructor'
}

export function tooLarge(limits: IngestLimits): EventFault {
  return eventFault('too_large', '', `more than ${limits.eventBytesMax} bytes`)
}

function tooDeep(limits: IngestLimits): EventFault {
  return eventFault('too_deep', '', `more than ${limits.depthMax} levels`)
}

/** Limits of the whole event name no field; others get the path to it. */
function under(key: string, fault: EventFault): EventFault {
  if (fault.code === 'too_many_keys' || fault.code === 'too_large') return fault
  fault.field = fault.field === '' ? key : `${key}.${fault.field}`
  return fault
}
