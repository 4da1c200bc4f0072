import type { TailWeights } from '#contracts/decision.ts'
import { sendTimeNumbers, variantNumbers } from '#contracts/stages.ts'
import { type ByteReader, type ByteWriter, createByteReader, createByteWriter } from './byte-codec.ts'

/** 3 is written only where there are tails: what else there is has the bytes that it had. */
const version = 3
const versionWithoutTails = 2

/** What a snapshot's policy reads, beside its few numbers. */
export interface SnapshotWeights {
  /** Head key to w, shape (D). */
  heads: ReadonlyMap<string, Float64Array>
  /** Head key to the lower triangle of the covariance, D(D+1)/2 numbers. */
  covariances?: ReadonlyMap<string, Float64Array>
  /** Head key to the weights of its tail; a head that learned nothing of hashed features has none. */
  tails?: ReadonlyMap<string, TailWeights>
  /** Variant key to `variantNumbers`. */
  variants?: ReadonlyMap<string, Float64Array>
  /** Cohort key to `sendTimeNumbers`. */
  sendTimes?: ReadonlyMap<string, Float64Array>
}

/**
 * The weights blob of a snapshot: version byte, dimensions, then one after the other the weights of the
 * heads, their covariances, the variants and the send times: how many, and each one's key and numbers, by
 * key. Version 3 has the tails behind them: how many heads, and each one's key, number of slots, slots and, in
 * single precision, weights. Version 1 had the weights alone.
 */
export function encodeWeights(weights: SnapshotWeights, dimensions: number): Uint8Array {
  const writer = createByteWriter()
  const tails = weights.tails ?? noTails
  writer.byte(tails.size === 0 ? versionWithoutTails : version)
  writer.count(dimensions)
  writeNumbers(writer, weights.heads, dimensions)
  writeNumbers(writer, weights.covariances ?? none, triangleOf(dimensions))
  writeNumbers(writer, weights.variants ?? none, variantNumbers)
  writeNumbers(writer, weights.sendTimes ?? none, sendTimeNumbers)
  if (tails.size > 0) writeTails(writer, tails)
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
  const tails = found > 2 ? readTails(reader) : new Map<string, TailWeights>()
  reader.end()
  return { heads, covariances, variants, sendTimes, tails }
}

function writeTails(writer: ByteWriter, tails: ReadonlyMap<string, TailWeights>): void {
  writer.count(tails.size)
  for (const key of [...tails.keys()].sort()) {
    const { slots, weights } = tails.get(key)!
    writer.text(key)
    writer.count(slots.length)
    for (const slot of slots) writer.count(slot)
    writer.floats(weights)
  }
}

function readTails(reader: ByteReader): Map<string, TailWeights> {
  const tails = new Map<string, TailWeights>()
  for (let left = reader.count(); left > 0; left -= 1) {
    const key = reader.text()
    const length = reader.count()
    const slots = Uint32Array.from({ length }, () => reader.count())
    tails.set(key, { slots, weights: reader.floats(length) })
  }
  return tails
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
const noTails: ReadonlyMap<string, TailWeights> = new Map()

function triangleOf(dimensions: number): number {
  return (dimensions * (dimensions + 1)) / 2
}
