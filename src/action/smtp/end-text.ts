const end = Buffer.from('.\r\n')
const dotLine = Buffer.from('\r\n.')
const dot = 0x2e

/**
 * A mail's text, which ends with CRLF, as it follows DATA: a line that begins with a dot gets another (RFC 5321
 * section 4.5.2), and a lone dot ends it. Our own texts have no such line.
 */
export function textWithEnd(text: Buffer): Buffer {
  if (text[0] !== dot && text.indexOf(dotLine) < 0) return Buffer.concat([text, end])
  const parts: Buffer[] = []
  let from = 0
  if (text[0] === dot) parts.push(end.subarray(0, 1))
  for (let at = text.indexOf(dotLine); at >= 0; at = text.indexOf(dotLine, from)) {
    // Up to and with the dot, which stands twice: it is the first of what follows too.
    parts.push(text.subarray(from, at + 3))
    from = at + 2
  }
  return Buffer.concat([...parts, text.subarray(from), end])
}
