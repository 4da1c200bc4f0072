import { sendTimeNumbers, variantNumbers } from '#contracts/stages.ts'
import { type ByteReader, type ByteWriter, createByteReader, createByteWriter } from './byte-codec.ts'

const version = 2

/** What a snapshot's policy reads, beside its few numbers. */
export interface SnapshotWeights {
  /** Head key to w, shape (D). */
  heads: ReadonlyMap<string, Float64Array>
  /** Head key to the lower triangle of the covariance, D(D+1)/2 numbers. */
  covariances?: ReadonlyMap<string, Float64Array>
  /** Variant key to `variantNumbers`. */
  variants?: ReadonlyMap<string, Float64Array>
  /** Cohort key to `sendTimeNumbers`. */
  sendTimes?: ReadonlyMap<string, Float64Array>
}

/**
 * The weights blob of a snapshot: version byte, dimensions, then one after the other the weights of the
 * heads, their covariances, the variants and the send times: how many, and each one's key and numbers, by
 * key. Version 1 had the weights alone.
 */
export function encodeWeights(weights: SnapshotWeights, dimensions: number): Uint8Array {
  const writer = createByteWriter()
  writer.byte(version)
  writer.count(dimensions)
  writeNumbers(writer, weights.heads, dimensions)
  writeNumbers(writer, weights.covariances ?? none, triangleOf(dimensions))
  writeNumbers(writer, weights.variants ?? none, variantNumbers)
  writeNumbers(writer, weights.sendTimes ?? none, sendTimeNumbers)
  return writer.bytes()
}

export function decodeWeights(bytes: Uint8Array): SnapshotWeights {
  const reader = createByteReader(bytes)
  const found = reader.byte()
  if (found > version || found === 0)
    throw new Error(`weights of version ${found}: this release reads up to ${version}`)
  const dimensions = reader.count()
  const heads = readNumbers(reader, dimensions)
  if (found === 1) {
    reader.end()
    return { heads }
  }
  const covariances = readNumbers(reader, triangleOf(dimensions))
  const variants = readNumbers(reader, variantNumbers)
  const sendTimes = readNumbers(reader, sendTimeNumbers)
  reader.end()
  return { heads, covariances, variants, sendTimes }
}

/** By key, so that equal numbers give equal bytes. */
export function writeNumbers(
  writer: ByteWriter,
  numbers: ReadonlyMap<string, Float64Array>,
  length: number,
): void {
  writer.count(numbers.size)
  for (const key of [...numbers.keys()].sort()) {
    const own = numbers.get(key)!
    if (own.length !== length) throw new Error(`${own.length} numbers instead of ${length}`)
    writer.text(key)
    writer.numbers(own)
  }
}

export function readNumbers(reader: ByteReader, length: number): Map<string, Float64Array> {
  const numbers = new Map<string, Float64Array>()
  for (let left = reader.count(); left > 0; left -= 1) numbers.set(reader.text(), reader.numbers(length))
  return numbers
}

const none: ReadonlyMap<string, Float64Array> = new Map()

function triangleOf(dimensions: number): number {
  return (dimensions * (dimensions + 1)) / 2
}
