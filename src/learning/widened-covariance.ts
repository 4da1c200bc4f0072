import { symmetricInverse } from './symmetric-inverse.ts'

/** Another campaign's evidence counts as at most this many rewards: one cold snapshot's worth. */
export const inheritedRewardsMax = 200

/**
 * The covariance with which a head starts that inherits the weights of another campaign's head: where to
 * start is inherited, certainty is not. The donor's accumulated precision is discounted (the power prior
 * of Ibrahim & Chen, 2000) and the prior precision I kept:
 *
 *     Λ = I + a·(Λ_donor − I),  a = min(1, 200 / rewards of the donor)
 *
 * So 20,000 rewards of a donor weigh as 200 of our own, a direction in which the donor saw nothing stays
 * at variance 1, and no variance is ever below the donor's. (The identity alone would be too wide: at
 * |x|² = 16 the first conversion would then move the logit by about 9 and wipe out what was inherited.)
 *
 * Null when the donor's covariance cannot be inverted: the caller starts at the plain prior then.
 */
export function widenedCovariance(
  covariance: Float64Array,
  dimensions: number,
  donorRewards: number,
): Float64Array | null {
  return discountedCovariance(covariance, dimensions, inheritedRewardsMax / Math.max(1, donorRewards))
}

/** With that share of its evidence, at most all: Λ = I + a·(Λ − I). */
export function discountedCovariance(
  covariance: Float64Array,
  dimensions: number,
  evidenceShare: number,
): Float64Array | null {
  const share = Math.min(1, evidenceShare)
  if (share === 1) return covariance.slice()
  const precision = symmetricInverse(covariance, dimensions)
  if (precision === null) return null
  for (let i = 0; i < dimensions; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      const at = (i * (i + 1)) / 2 + j
      precision[at] = i === j ? 1 + share * (precision[at]! - 1) : share * precision[at]!
    }
  }
  return symmetricInverse(precision, dimensions)
}
