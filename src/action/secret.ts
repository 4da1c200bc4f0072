import { inspect } from 'node:util'
import { z } from 'zod'

/** A password, token or key. Printed, logged or made JSON it says `[secret]`; only `reveal` gives it away. */
export interface Secret {
  reveal(): string
}

const redacted = '[secret]'
const sealed = new WeakSet<object>()

/** A setting that must not be seen: the schema of a string that is sealed once it is read. */
export function secret(): z.ZodType<Secret> {
  return z.string().min(1).max(65_536).transform(sealSecret)
}

export function sealSecret(text: string): Secret {
  const made = {
    reveal: () => text,
    toString: () => redacted,
    toJSON: () => redacted,
    [inspect.custom]: () => redacted,
  }
  sealed.add(made)
  return made
}

/** Replaces every secret of these settings in a text: libraries put what they were given into their errors. */
export function createRedaction(settings: unknown): (text: string) => string {
  const texts = [...new Set(textsIn(settings))].sort((a, b) => b.length - a.length)
  return (text) => texts.reduce((left, hidden) => left.replaceAll(hidden, redacted), text)
}

/** Shorter ones would tear words apart, and hide nothing. */
const redactedCharactersMin = 4

function textsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  if (!sealed.has(value)) return Object.values(value).flatMap(textsIn)
  const text = (value as Secret).reveal()
  return [text, ...passwordsIn(text)].filter((own) => own.length >= redactedCharactersMin)
}

/** Of an address with a password, the password too. */
function passwordsIn(text: string): string[] {
  const password = URL.canParse(text) ? new URL(text).password : ''
  return [password, decodeURIComponent(password)]
}
