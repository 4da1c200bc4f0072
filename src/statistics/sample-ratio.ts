import { chiSquareUpperTail, logGamma } from './distributions.ts'

/** Below this p a report says so on top and withholds its verdict. */
const MISMATCH_BELOW_P = 0.001
/** Weight of the prior "the ratio is as planned", in customers. */
const CONCENTRATION = 10_000

/** `counts[i]` customers came into arm i; `weights[i]` is its planned share, in any unit. */
export interface ArmCounts {
  counts: readonly number[]
  weights: readonly number[]
}

export interface SampleRatioCheck {
  /** Pearson's χ². Infinity where a customer stands in an arm of weight 0. */
  statistic: number
  degreesOfFreedom: number
  p: number
  mismatch: boolean
}

/** χ² test of the arms' sizes against their weights, for a campaign looked at once, when it has ended. */
export function sampleRatioCheck(input: ArmCounts): SampleRatioCheck {
  const { total, arms, strays } = plannedArms(input)
  const degreesOfFreedom = arms.length - 1
  if (strays) return { statistic: Number.POSITIVE_INFINITY, degreesOfFreedom, p: 0, mismatch: true }
  if (total === 0 || degreesOfFreedom === 0) {
    return { statistic: 0, degreesOfFreedom, p: 1, mismatch: false }
  }
  const statistic = arms.reduce((sum, { count, share }) => {
    const expected = share * total
    return sum + (count - expected) ** 2 / expected
  }, 0)
  const p = chiSquareUpperTail(statistic, degreesOfFreedom)
  return { statistic, degreesOfFreedom, p, mismatch: p < MISMATCH_BELOW_P }
}

/**
 * One look of the sequential form, for a running campaign: 1/BF capped at 1, where BF compares a
 * Dirichlet-multinomial with parameters 10000 × weights against the planned multinomial (Lindon & Malek,
 * arXiv 2011.03567). The valid p is the running minimum over the looks, which the caller keeps.
 */
export function sequentialSampleRatio(input: ArmCounts): number {
  const { total, arms, strays } = plannedArms(input)
  if (strays) return 0
  const logBayesFactor = arms.reduce(
    (sum, { count, share }) => {
      const prior = CONCENTRATION * share
      return sum + logGamma(prior + count) - logGamma(prior) - count * Math.log(share)
    },
    logGamma(CONCENTRATION) - logGamma(CONCENTRATION + total),
  )
  return Math.min(1, Math.exp(-logBayesFactor))
}

/** The arms that were to get customers, with weights as shares; `strays`: a customer is in another. */
function plannedArms({ counts, weights }: ArmCounts) {
  const weightSum = weights.reduce((sum, weight) => sum + weight, 0)
  if (counts.length !== weights.length || !(weightSum > 0) || weights.some((weight) => weight < 0)) {
    throw new RangeError('one weight per arm, none below 0 and one above it')
  }
  const all = counts.map((count, i) => ({ count, share: (weights[i] ?? 0) / weightSum }))
  return {
    total: counts.reduce((sum, count) => sum + count, 0),
    arms: all.filter(({ share }) => share > 0),
    strays: all.some(({ share, count }) => share === 0 && count > 0),
  }
}
