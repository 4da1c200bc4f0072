import { createPrivateKey, type KeyObject } from 'node:crypto'

/** A private key as a file has it, or with its line ends written `\n`, as an environment carries it. */
export function pemOf(text: string): string {
  return text.replaceAll('\\n', '\n').trim()
}

/** Null for what is no private key of that type. */
export function privateKeyOf(text: string, type: 'rsa' | 'ec'): KeyObject | null {
  try {
    const key = createPrivateKey(pemOf(text))
    return key.asymmetricKeyType === type ? key : null
  } catch {
    return null
  }
}
