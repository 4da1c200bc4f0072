import type { CampaignSpec } from '#contracts/campaign.ts'
import { headKey, nothingHead, type PolicySnapshot } from '#contracts/decision.ts'
import { type CampaignTails, layOutTails } from './tail-products.ts'

/** Place of a campaign's heads: "nothing" first, then its treatments in order. */
export const nothingPlace = 0
export function treatmentPlace(treatmentIndex: number): number {
  return treatmentIndex + 1
}

/** Heads of one campaign version in one snapshot, ready for the dot products. */
export interface CampaignHeads {
  /** What they are of. */
  snapshot: PolicySnapshot
  spec: CampaignSpec
  dimensions: number
  /** Heads; the weights are of whole groups of four, of which the last ones may be empty. */
  count: number
  /** Per group of four heads: the four weights of feature 0, the four of feature 1, and so on. */
  weights: Float64Array
  /** Null where no head has a tail. */
  tails: CampaignTails | null
  /** By treatment: value and cost in micros, and lever. */
  values: Float64Array
  levers: Float64Array
  costs: Float64Array
}

/** Snapshots and resolved specs are immutable and shared, so what is found in them is laid out once. */
const headsBySnapshot = new WeakMap<PolicySnapshot, WeakMap<CampaignSpec, CampaignHeads>>()

/** Looks into two weak maps: not for every campaign of every decision. */
export function campaignHeads(
  snapshot: PolicySnapshot,
  spec: CampaignSpec,
  dimensions: number,
): CampaignHeads {
  let bySpec = headsBySnapshot.get(snapshot)
  if (bySpec === undefined) {
    bySpec = new WeakMap()
    headsBySnapshot.set(snapshot, bySpec)
  }
  let heads = bySpec.get(spec)
  if (heads === undefined || heads.dimensions !== dimensions) {
    heads = layOut(snapshot, spec, dimensions)
    bySpec.set(spec, heads)
  }
  return heads
}

/** A head that the snapshot lacks is at its prior: weights 0, response probability one half. */
function layOut(snapshot: PolicySnapshot, spec: CampaignSpec, dimensions: number): CampaignHeads {
  const names = [nothingHead, ...spec.treatments.map(({ treatmentId }) => treatmentId)]
  const count = names.length
  const weights = new Float64Array(Math.ceil(count / 4) * 4 * dimensions)
  names.forEach((name, place) => {
    const head = snapshot.heads.get(headKey(spec.campaignId, name))
    if (head === undefined) return
    if (head.length !== dimensions) {
      throw new RangeError(
        `snapshot ${snapshot.snapshotId}: a head of ${head.length} weights, not ${dimensions}`,
      )
    }
    const start = (place >> 2) * 4 * dimensions + (place & 3)
    for (let i = 0; i < dimensions; i += 1) weights[start + i * 4] = head[i]!
  })
  const { treatments } = spec
  return {
    snapshot,
    spec,
    dimensions,
    count,
    weights,
    tails: layOutTails(
      snapshot,
      names.map((name) => headKey(spec.campaignId, name)),
    ),
    values: Float64Array.from(treatments, ({ valueMicros }) => valueMicros),
    levers: Float64Array.from(treatments, ({ lever }) => lever),
    costs: Float64Array.from(treatments, ({ costMicros }) => costMicros),
  }
}
