import type { JsonValue } from '#contracts/json.ts'

/**
 * An e-mail address as it is compared and written to: trimmed, in lower case. Undefined where the value is
 * no address that a mail could go to; whether the mailbox exists is the provider's to say.
 */
export function normalEmail(value: JsonValue | undefined): string | undefined {
  if (typeof value !== 'string') return undefined
  const address = value.trim().toLowerCase()
  return address.length <= addressCharsMax && shape.test(address) ? address : undefined
}

/** RFC 5321, 4.5.3.1.3: a path has at most 256 octets, two of them its brackets. */
const addressCharsMax = 254
/** No control characters, no spaces, none of what separates addresses in a header. */
const shape = /^[^\s\p{Cc}@<>,;:"()[\]\\]+@[^\s\p{Cc}@<>,;:"()[\]\\]+$/u
