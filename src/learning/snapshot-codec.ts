import { createByteReader, createByteWriter } from './byte-codec.ts'

const version = 1

/**
 * The weights blob of a snapshot: version byte, dimensions, number of heads, then each head's key and
 * weights, by key.
 */
export function encodeWeights(heads: ReadonlyMap<string, Float64Array>, dimensions: number): Uint8Array {
  const writer = createByteWriter()
  writer.byte(version)
  writer.count(dimensions)
  writer.count(heads.size)
  for (const key of [...heads.keys()].sort()) {
    const weights = heads.get(key)!
    if (weights.length !== dimensions)
      throw new Error(`a head of ${weights.length} weights, not ${dimensions}`)
    writer.text(key)
    writer.numbers(weights)
  }
  return writer.bytes()
}

export function decodeWeights(bytes: Uint8Array): Map<string, Float64Array> {
  const reader = createByteReader(bytes)
  const found = reader.byte()
  if (found !== version) throw new Error(`weights of version ${found}: this release reads ${version}`)
  const dimensions = reader.count()
  const heads = new Map<string, Float64Array>()
  for (let left = reader.count(); left > 0; left -= 1) heads.set(reader.text(), reader.numbers(dimensions))
  reader.end()
  return heads
}
