/** Little-endian on every machine, so that equal numbers give equal bytes. */
export interface ByteWriter {
  byte(value: number): void
  /** 0 to 2³²−1. */
  count(value: number): void
  /** UTF-8 with its length. */
  text(value: string): void
  number(value: number): void
  numbers(values: Float64Array): void
  /** In single precision: four bytes each. */
  floats(values: Float64Array): void
  bytes(): Uint8Array
}

export interface ByteReader {
  byte(): number
  count(): number
  text(): string
  number(): number
  numbers(length: number): Float64Array
  floats(length: number): Float64Array
  /** Throws unless everything was read. */
  end(): void
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

export function createByteWriter(): ByteWriter {
  let buffer = new Uint8Array(4096)
  let view = new DataView(buffer.buffer)
  let used = 0
  const reserve = (length: number): number => {
    const start = used
    used += length
    if (used > buffer.length) {
      const grown = new Uint8Array(Math.max(used, buffer.length * 2))
      grown.set(buffer)
      buffer = grown
      view = new DataView(buffer.buffer)
    }
    return start
  }
  return {
    byte(value) {
      const at = reserve(1)
      view.setUint8(at, value)
    },
    count(value) {
      const at = reserve(4)
      view.setUint32(at, value, true)
    },
    text(value) {
      const encoded = encoder.encode(value)
      const at = reserve(4 + encoded.length)
      view.setUint32(at, encoded.length, true)
      buffer.set(encoded, at + 4)
    },
    number(value) {
      const at = reserve(8)
      view.setFloat64(at, value, true)
    },
    numbers(values) {
      const at = reserve(8 * values.length)
      for (let i = 0; i < values.length; i += 1) view.setFloat64(at + 8 * i, values[i]!, true)
    },
    floats(values) {
      const at = reserve(4 * values.length)
      for (let i = 0; i < values.length; i += 1) view.setFloat32(at + 4 * i, values[i]!, true)
    },
    bytes: () => buffer.slice(0, used),
  }
}

export function createByteReader(bytes: Uint8Array): ByteReader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let used = 0
  const advance = (length: number): number => {
    const start = used
    used += length
    return start
  }
  return {
    byte: () => view.getUint8(advance(1)),
    count: () => view.getUint32(advance(4), true),
    text() {
      const length = view.getUint32(advance(4), true)
      const at = advance(length)
      return decoder.decode(bytes.subarray(at, at + length))
    },
    number: () => view.getFloat64(advance(8), true),
    numbers(length) {
      const at = advance(8 * length)
      return Float64Array.from({ length }, (_, i) => view.getFloat64(at + 8 * i, true))
    },
    floats(length) {
      const at = advance(4 * length)
      return Float64Array.from({ length }, (_, i) => view.getFloat32(at + 4 * i, true))
    },
    end() {
      if (used !== bytes.length) throw new Error(`${bytes.length - used} bytes left over`)
    },
  }
}
