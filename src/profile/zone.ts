import type { JsonValue } from '#contracts/json.ts'
import { isZone } from '#platform/clock/local-time.ts'

/** Whether the value is the IANA name of a time zone; offsets such as `+05:30` are none. */
export function isIanaZone(value: JsonValue | undefined): value is string {
  if (typeof value !== 'string') return false
  const known = answers.get(value)
  if (known !== undefined) return known
  const valid = value.length <= nameCharsMax && shape.test(value) && isZone(value)
  if (answers.size >= answersMax) answers.clear()
  answers.set(value, valid)
  return valid
}

/** Asking Intl takes tens of microseconds, and clients send their zone with every event. */
const answers = new Map<string, boolean>()
/** About 600 names exist; clients may send others. */
const answersMax = 2000
const nameCharsMax = 64
const shape = /^[A-Za-z][A-Za-z0-9_+/-]*$/
