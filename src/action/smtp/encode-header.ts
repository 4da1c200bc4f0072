import { domainToASCII } from 'node:url'

/** Payload of an encoded word: 75 characters with `=?UTF-8?B?` and `?=` (RFC 2047 section 2). */
const wordBytesMax = 45
/** Longest line that should be (RFC 5322 section 2.1.1). */
const lineCharactersMax = 76

/**
 * Text as it stands in a header after `name: `: as it is where it is printable ASCII, otherwise in encoded
 * words (RFC 2047). No character of the text can end the line: what controls becomes a space.
 */
export function encodeHeaderText(text: string, name: string): string {
  if (/^[\x20-\x7e]*$/.test(text) && !text.includes('=?')) {
    return name.length + 2 + text.length <= lineCharactersMax ? text : folded(text, name.length + 2)
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must go
  return encodedWords(text.replace(/[\u0000-\u001f\u007f]+/g, ' '), wordBytesMax - name.length)
}

/** An address as the protocol carries it: the domain in ASCII (RFC 5891), the local part as it is. */
export function protocolAddress(address: string): string {
  const at = address.lastIndexOf('@')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is asked for
  if (/^[\u0000-\u007f]*$/.test(address.slice(at + 1))) return address
  return `${address.slice(0, at + 1)}${domainToASCII(address.slice(at + 1))}`
}

/** Line breaks before spaces: what is unfolded is the same text. */
function folded(text: string, startsAt: number): string {
  let column = startsAt
  let line = ''
  for (const word of text.split(/(?= )/)) {
    const isFirst = line === ''
    // A line of nothing but white space would end the header for some readers.
    if (!isFirst && column + word.length > lineCharactersMax && word.trim() !== '') {
      line += '\r\n'
      column = 0
    }
    line += word
    column += word.length
  }
  return line
}

/** Words of whole characters; white space between two of them is no part of the text. */
function encodedWords(text: string, firstBytesMax: number): string {
  const words: string[] = []
  let chunk = ''
  let bytes = 0
  const close = (): void => {
    if (chunk !== '') words.push(`=?UTF-8?B?${Buffer.from(chunk, 'utf8').toString('base64')}?=`)
    chunk = ''
    bytes = 0
  }
  for (const character of text) {
    const size = Buffer.byteLength(character)
    if (bytes + size > (words.length === 0 ? firstBytesMax : wordBytesMax)) close()
    chunk += character
    bytes += size
  }
  close()
  return words.join('\r\n ')
}
