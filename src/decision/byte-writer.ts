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
  /** As text: to turn 32 hex digits into 16 bytes takes twice as long. */
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
    if (length > textUnitsMax) {
      encoded(value)
      return
    }
    // A unit is at most three bytes.
    need(length * 3 + 1)
    const written = length > shortUnitsMax ? bytes.write(value, at + 1) : writeAscii(bytes, at + 1, value)
    if (written < 0) {
      encoded(value)
      return
    }
    bytes[at] = written
    at += written + 1
  }
  /** Long texts: how many bytes they take is known only afterwards, and their number then takes several. */
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
      u8(idAsText)
      text(value)
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

/** What an id begins with: text, or, as older engines wrote hex digits, 16 raw bytes. */
export const idAsText = 0
export const idAsBytes = 1

/** Whose UTF-8 has fewer than 128 bytes in any case. */
const textUnitsMax = 42
/** Up to here a loop is faster than the runtime's own function. */
const shortUnitsMax = 12

/** How many bytes; −1 where a unit is none of ASCII. */
function writeAscii(bytes: Uint8Array, at: number, value: string): number {
  let seen = 0
  for (let i = 0; i < value.length; i += 1) {
    const unit = value.charCodeAt(i)
    seen |= unit
    bytes[at + i] = unit
  }
  return seen < 128 ? value.length : -1
}

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
