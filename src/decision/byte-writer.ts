/**
 * Writes record after record into one slab of memory; a record is a part of it and is not copied. The slab
 * lives as long as a record in it, and a new one begins when it is full.
 */
export interface ByteWriter {
  /** Begins a record: what was written since the last `finish` is forgotten. */
  start(): void
  u8(value: number): void
  u32(value: number): void
  /** A whole number from 0 to 2⁵³ − 1, seven bits a byte, lowest first. */
  varint(value: number): void
  /** Little-endian, all 64 bits kept. */
  f64(value: number): void
  f64s(values: Float64Array, count: number): void
  /** A bit for each, set for those whose indices are in `present`; then those. */
  sparse(values: Float64Array, present: Int32Array, presentCount: number): void
  bytes(values: Uint8Array): void
  /** UTF-8, its length in bytes before it. */
  text(value: string): void
  /** 16 raw bytes where it is 32 lower-case hex digits, else text. */
  id(value: string): void
  /** A copy of what the record has already. */
  soFar(): Uint8Array
  /** The record; it is the caller's, and the next one begins behind it. */
  finish(): Uint8Array
}

/** Some 30 records. Of 8 to 1,024 KiB the fastest: larger ones come from the system page by page. */
const slabBytes = 65_536
/** More than most records have: they find room without moving. */
const roomBytes = 4_096

export function createByteWriter(): ByteWriter {
  let bytes = Buffer.allocUnsafeSlow(slabBytes)
  let view = viewOf(bytes)
  let begin = 0
  let at = 0

  const need = (count: number): void => {
    if (at + count > bytes.length) moveOn(count)
  }
  /** To a new slab, with what the record has already. */
  const moveOn = (count: number): void => {
    const next = Buffer.allocUnsafeSlow(Math.max(slabBytes, (at - begin + count) * 2))
    bytes.copy(next, 0, begin, at)
    bytes = next
    view = viewOf(next)
    at -= begin
    begin = 0
  }
  const u8 = (value: number): void => {
    need(1)
    bytes[at++] = value
  }
  const varint = (value: number): void => {
    need(8)
    if (value >= 0 && value < 128 && (value | 0) === value) {
      bytes[at++] = value
    } else {
      at = writeVarint(bytes, at, value)
    }
  }
  const text = (value: string): void => {
    const { length } = value
    need(length + 8)
    const start = length < 128 ? at + 1 : -1
    const out = bytes
    for (let i = 0; start >= 0 && i < length; i += 1) {
      const unit = value.charCodeAt(i)
      if (unit > 127) {
        encoded(value)
        return
      }
      out[start + i] = unit
    }
    if (start < 0) {
      encoded(value)
      return
    }
    out[at] = length
    at += length + 1
  }
  /** Long texts and such beyond ASCII, which are rare. */
  const encoded = (value: string): void => {
    const utf8 = Buffer.from(value, 'utf8')
    varint(utf8.length)
    need(utf8.length)
    bytes.set(utf8, at)
    at += utf8.length
  }
  const f64s = (values: Float64Array, count: number): void => {
    need(count * 8)
    if (isLittleEndian && count > 32) {
      bytes.set(new Uint8Array(values.buffer, values.byteOffset, count * 8), at)
      at += count * 8
      return
    }
    const out = view
    const end = at + count * 8
    for (let to = at, i = 0; to < end; to += 8, i += 1) out.setFloat64(to, values[i]!, true)
    at = end
  }
  return {
    start() {
      at = begin
      need(roomBytes)
    },
    u8,
    u32(value) {
      need(4)
      view.setUint32(at, value, true)
      at += 4
    },
    varint,
    f64(value) {
      need(8)
      view.setFloat64(at, value, true)
      at += 8
    },
    f64s,
    bytes(values) {
      need(values.length)
      bytes.set(values, at)
      at += values.length
    },
    sparse(values, present, presentCount) {
      const bitsLength = (values.length + 7) >> 3
      need(bitsLength)
      const out = bytes
      const start = at
      at += bitsLength
      for (let i = start; i < at; i += 1) out[i] = 0
      for (let n = 0; n < presentCount; n += 1) {
        const index = present[n]!
        out[start + (index >> 3)]! |= 1 << (index & 7)
      }
      if (presentCount === values.length) {
        f64s(values, presentCount)
        return
      }
      need(presentCount * 8)
      const doubles = view
      const first = at
      for (let n = 0; n < presentCount; n += 1) {
        doubles.setFloat64(first + n * 8, values[present[n]!]!, true)
      }
      at = first + presentCount * 8
    },
    text,
    id(value) {
      need(17)
      if (value.length === 32 && writeHex(bytes, at + 1, value)) {
        bytes[at] = rawId
        at += 17
      } else {
        bytes[at++] = textId
        text(value)
      }
    },
    soFar: () => Uint8Array.from(bytes.subarray(begin, at)),
    finish() {
      const record = bytes.subarray(begin, at)
      begin = at
      return record
    },
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Then doubles in memory look as they do in the record. */
const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

const textId = 0
export const rawId = 1

function writeVarint(bytes: Uint8Array, start: number, value: number): number {
  if (value < 0 || !Number.isSafeInteger(value))
    throw new RangeError(`not a whole number from 0 on: ${value}`)
  let at = start
  let rest = value
  while (rest > 127) {
    bytes[at++] = (rest % 128) + 128
    rest = Math.floor(rest / 128)
  }
  bytes[at++] = rest
  return at
}

/** False, with rubbish written, where a character is no lower-case hex digit. */
function writeHex(bytes: Uint8Array, at: number, hex: string): boolean {
  let seen = 0
  for (let i = 0; i < 32; i += 2) {
    const high = hexDigitOf(hex.charCodeAt(i))
    const low = hexDigitOf(hex.charCodeAt(i + 1))
    seen |= high | low
    bytes[at + (i >> 1)] = (high << 4) | low
  }
  return seen < 16
}

/** By character code; 64 marks what is no digit. */
const hexDigits = new Uint8Array(128).fill(64)
for (let digit = 0; digit < 16; digit += 1) hexDigits[digit.toString(16).charCodeAt(0)] = digit

/** Value of a lower-case hex digit; 64 for every other code unit, NaN too. */
export function hexDigitOf(codeUnit: number): number {
  return codeUnit < 128 ? hexDigits[codeUnit]! : 64
}
