import { idAsBytes } from './byte-writer.ts'

/** Reads what a `ByteWriter` wrote, in the same order. Reading past the end throws a RangeError. */
export interface ByteReader {
  u8(): number
  u32(): number
  varint(): number
  f64(): number
  text(): string
  id(): string
  /** Bytes not yet read. */
  left(): number
}

export function createByteReader(bytes: Uint8Array): ByteReader {
  // A blob may be a slice of a larger buffer, at any offset.
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const take = (count: number): number => {
    const start = at
    if (start + count > bytes.length) throw new RangeError(`the decision record ends at byte ${bytes.length}`)
    at += count
    return start
  }
  const u8 = () => view.getUint8(take(1))
  const varint = (): number => {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = u8()
      value += (byte & 127) * scale
      if (byte < 128) return value
      scale *= 128
      if (scale > Number.MAX_SAFE_INTEGER) throw new RangeError('a number in the decision record is too long')
    }
  }
  const text = (): string => {
    const length = varint()
    const start = take(length)
    return Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString('utf8')
  }
  return {
    u8,
    u32: () => view.getUint32(take(4), true),
    varint,
    f64: () => view.getFloat64(take(8), true),
    text,
    id() {
      if (u8() !== idAsBytes) return text()
      const start = take(16)
      return Buffer.from(bytes.buffer, bytes.byteOffset + start, 16).toString('hex')
    },
    left: () => bytes.length - at,
  }
}
