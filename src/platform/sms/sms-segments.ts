/** How a text travels as SMS. A septet is 7 bits, a UCS-2 unit 16; a message holds 140 octets. */
export interface SmsParts {
  encoding: 'gsm-7' | 'ucs-2'
  /** The text as it is cut; one part where it fits into one message. */
  parts: string[]
}

/** 3GPP TS 23.038, 6.2.1: the default alphabet in the order of its codes; 0x1b is the escape to the extension. */
const basic =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u001bÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà'
/** 6.2.1.1: two septets each, the escape and the code. */
const extension: Record<string, number> = {
  '\f': 0x0a,
  '^': 0x14,
  '{': 0x28,
  '}': 0x29,
  '\\': 0x2f,
  '[': 0x3c,
  '~': 0x3d,
  ']': 0x3e,
  '|': 0x40,
  '€': 0x65,
}
const escapeCode = 0x1b

const codes = new Map<string, readonly number[]>([
  ...[...basic].map((character, code) => [character, [code]] as const),
  ...Object.entries(extension).map(([character, code]) => [character, [escapeCode, code]] as const),
])
codes.delete('\u001b')

/** 160 septets or 70 units alone; in a row 153 and 67, since each part then begins with a header of 6 octets. */
const room = { 'gsm-7': { alone: 160, inRow: 153 }, 'ucs-2': { alone: 70, inRow: 67 } }

/**
 * Cuts a text into the messages that it takes (3GPP TS 23.040, 9.2.3.24.1). A character is never cut in two: one
 * of the extension table with its escape, a surrogate pair.
 */
export function smsParts(text: string): SmsParts {
  const characters = [...text]
  const encoding = characters.every((character) => codes.has(character)) ? 'gsm-7' : 'ucs-2'
  const sizeOf = (character: string) =>
    encoding === 'gsm-7' ? codes.get(character)!.length : character.length
  const size = characters.reduce((sum, character) => sum + sizeOf(character), 0)
  const { alone, inRow } = room[encoding]
  if (size <= alone) return { encoding, parts: [text] }
  const parts: string[] = []
  let part = ''
  let used = 0
  for (const character of characters) {
    const needed = sizeOf(character)
    if (used + needed > inRow) {
      parts.push(part)
      part = ''
      used = 0
    }
    part += character
    used += needed
  }
  parts.push(part)
  return { encoding, parts }
}

/** A text of the default alphabet as octets, one septet in each: what SMPP carries under `data_coding` 0. */
export function gsmOctets(text: string): Buffer {
  return Buffer.from([...text].flatMap((character) => codes.get(character) ?? codes.get('?')!))
}

export function ucs2Octets(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16()
}
