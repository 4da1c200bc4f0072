/**
 * A buffer that a mail is written into, piece by piece, and cut out of at the end. One serves all mails of a
 * thread: it grows to the largest.
 */
export interface MailWriter {
  /** Text of one byte a character. */
  latin1(text: string): void
  utf8(text: string): void
  /** Quoted-printable (RFC 2045 section 6.7) of text in UTF-8, its line ends made CRLF. */
  quotedPrintable(text: string): void
  /** Base64 of text in UTF-8, its line ends made CRLF. */
  base64(text: string): void
  /** A copy of what was written, which ends with CRLF; the writer is empty then. */
  finish(): Buffer
}

const firstBytes = 64 * 1024
/** Longest line without its CRLF (RFC 2045). */
const lineCharactersMax = 76

export function createMailWriter(): MailWriter {
  let buffer = Buffer.allocUnsafeSlow(firstBytes)
  let at = 0
  const reserve = (bytes: number): void => {
    if (at + bytes <= buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, at + bytes))
    buffer.copy(larger, 0, 0, at)
    buffer = larger
  }
  return {
    latin1(text) {
      reserve(text.length)
      at += buffer.write(text, at, 'latin1')
    },
    utf8(text) {
      reserve(text.length * 3)
      at += buffer.write(text, at, 'utf8')
    },
    quotedPrintable(text) {
      const bytes = utf8Of(text)
      reserve(quotedPrintableBytesMax(bytes.length))
      at = writeQuotedPrintable(bytes, buffer, at)
    },
    base64(text) {
      const lines = utf8Of(text.replace(/\r\n|\r|\n/g, '\r\n')).toString('base64')
      reserve(lines.length + Math.ceil(lines.length / lineCharactersMax) * 2)
      for (let from = 0; from < lines.length; from += lineCharactersMax) {
        if (from > 0) at = writeLineEnd(buffer, at)
        at += buffer.write(lines.slice(from, from + lineCharactersMax), at, 'latin1')
      }
    },
    finish() {
      reserve(2)
      if (at < 2 || buffer[at - 2] !== CR || buffer[at - 1] !== LF) at = writeLineEnd(buffer, at)
      const mail = Buffer.from(buffer.subarray(0, at))
      at = 0
      return mail
    },
  }
}

/** An unpaired surrogate becomes U+FFFD, as everywhere in UTF-8. */
function utf8Of(text: string): Buffer {
  return Buffer.from(text, 'utf8')
}

const CR = 0x0d
const LF = 0x0a
const EQUALS = 0x3d
const DOT = 0x2e
const F = 0x46
const hexDigits = Buffer.from('0123456789ABCDEF')

/** 1 for a byte that stands for itself wherever it is in a line. */
const isLiteral = new Uint8Array(256)
for (let byte = 0x21; byte <= 0x7e; byte++) isLiteral[byte] = byte === EQUALS ? 0 : 1

/** Three bytes for each of the text's, and a soft line break of three after no fewer than 73 of them. */
function quotedPrintableBytesMax(bytes: number): number {
  return bytes * 3 + Math.ceil((bytes * 3) / (lineCharactersMax - 3)) * 3
}

/** Longest run on a line that leaves room for the `=` of a soft break. */
const runMax = lineCharactersMax - 1

/**
 * A dot or `From ` at the beginning of a line is encoded too: relays double the one (RFC 5321 section 4.5.2)
 * and quote the other, and neither touches the text then, nor its signature.
 */
function writeQuotedPrintable(text: Uint8Array, into: Uint8Array, from: number): number {
  let at = from
  let lineStart = at
  const length = text.length
  for (let i = 0; i < length; i++) {
    const byte = text[i]!
    if (isLiteral[byte] === 1) {
      if (at - lineStart >= runMax) at = lineStart = writeSoftBreak(into, at)
      if (at === lineStart && (byte === DOT || (byte === F && isFrom(text, i))))
        at = writeEncoded(into, at, byte)
      else into[at++] = byte
      continue
    }
    if (byte === LF || byte === CR) {
      if (byte === CR && text[i + 1] === LF) i++
      at = lineStart = writeLineEnd(into, at)
      continue
    }
    if ((byte === 0x20 || byte === 0x09) && !endsLine(text, i + 1)) {
      if (at - lineStart >= runMax) at = lineStart = writeSoftBreak(into, at)
      into[at++] = byte
      continue
    }
    if (at - lineStart > runMax - 3) at = lineStart = writeSoftBreak(into, at)
    at = writeEncoded(into, at, byte)
  }
  return at
}

function endsLine(text: Uint8Array, at: number): boolean {
  return at >= text.length || text[at] === LF || text[at] === CR
}

function isFrom(text: Uint8Array, at: number): boolean {
  return text[at + 1] === 0x72 && text[at + 2] === 0x6f && text[at + 3] === 0x6d && text[at + 4] === 0x20
}

function writeEncoded(into: Uint8Array, at: number, byte: number): number {
  into[at] = EQUALS
  into[at + 1] = hexDigits[byte >> 4]!
  into[at + 2] = hexDigits[byte & 15]!
  return at + 3
}

function writeSoftBreak(into: Uint8Array, at: number): number {
  into[at] = EQUALS
  return writeLineEnd(into, at + 1)
}

function writeLineEnd(into: Uint8Array, at: number): number {
  into[at] = CR
  into[at + 1] = LF
  return at + 2
}
