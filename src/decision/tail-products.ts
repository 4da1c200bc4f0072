import type { PolicySnapshot, TailWeights } from '#contracts/decision.ts'
import type { TailFeatures } from '#contracts/feature-schema.ts'

/**
 * The tails of a campaign's heads, ready for the products: one look for each feature that a customer has, not
 * one for each feature and head.
 */
export interface CampaignTails {
  /** A hash table of slots, open addressing, a power of two long: slot + 1, 0 where nothing stands. */
  keys: Int32Array
  /** By place in the table: the slot's row. */
  rows: Int32Array
  /** Row by row: the weight of each head, 0 where the head has none of it. */
  weights: Float64Array
  /** Heads in a row. */
  width: number
}

/** Null where none of the heads has a tail. @param heads keys, in the order of the heads */
export function layOutTails({ tails }: PolicySnapshot, heads: readonly string[]): CampaignTails | null {
  const own = heads.map((key) => tails?.get(key))
  const rowOf = new Map<number, number>()
  for (const tail of own)
    for (const slot of tail?.slots ?? []) if (!rowOf.has(slot)) rowOf.set(slot, rowOf.size)
  if (rowOf.size === 0) return null
  const width = heads.length
  const length = 2 ** Math.ceil(Math.log2(rowOf.size * 2))
  const laidOut = {
    keys: new Int32Array(length),
    rows: new Int32Array(length),
    weights: new Float64Array(rowOf.size * width),
    width,
  }
  for (const [slot, row] of rowOf) {
    const place = placeOf(laidOut.keys, slot)
    laidOut.keys[place] = slot + 1
    laidOut.rows[place] = row
  }
  for (const [head, tail] of own.entries()) writeColumn(laidOut, tail, head, rowOf)
  return laidOut
}

function writeColumn(
  { weights, width }: CampaignTails,
  tail: TailWeights | undefined,
  head: number,
  rowOf: ReadonlyMap<number, number>,
): void {
  tail?.slots.forEach((slot, at) => {
    weights[rowOf.get(slot)! * width + head] = tail.weights[at]!
  })
}

/**
 * Adds each head's `xᵀw` over the tail to its dense product: feature by feature in the order of the slots, which
 * is part of the engine version as the order of the dense sum is. Nothing is allocated.
 *
 * @param into logits in the order of the heads, from `from` on
 */
export function addTailProducts(
  { keys, rows, weights, width }: CampaignTails,
  { slots, values }: TailFeatures,
  into: Float64Array,
  from: number,
): void {
  for (let i = 0; i < slots.length; i += 1) {
    const slot = slots[i]!
    const place = placeOf(keys, slot)
    if (keys[place] === 0) continue
    const x = values[i]!
    const row = rows[place]! * width
    for (let head = 0; head < width; head += 1) into[from + head]! += weights[row + head]! * x
  }
}

/** Where the slot stands, or would. Slots are hashes already: their low bits are spread. */
function placeOf(keys: Int32Array, slot: number): number {
  const mask = keys.length - 1
  let place = slot & mask
  while (keys[place] !== 0 && keys[place] !== slot + 1) place = (place + 1) & mask
  return place
}
