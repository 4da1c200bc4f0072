import { ALPHA_DEFAULT, type Difference } from './difference.ts'
import type { JointMoments, MeanMoments } from './mean-moments.ts'
import { relativeLift } from './relative-lift.ts'
import { welch } from './welch.ts'

export interface CupedResult {
  /** Change in y per unit of x that is taken out of both arms. */
  theta: number
  treated: MeanMoments
  control: MeanMoments
  difference: Difference | null
  /** Relative to the unadjusted control mean. */
  lift: Difference | null
}

/**
 * Means adjusted by a covariate x known before treatment (Deng, Xu, Kohavi & Walker, WSDM 2013):
 * θ = cov(Y,X)/var(X) over both arms as one sample, variance σ²_Y + θ²σ²_X − 2θσ_XY.
 * Each arm is moved to the common mean of x, so that the adjusted means keep their level.
 */
export function cuped(
  treated: JointMoments,
  control: JointMoments,
  alpha: number = ALPHA_DEFAULT,
): CupedResult {
  const pooled = pool(treated, control)
  const theta = pooled.varianceX > 0 ? pooled.covariance / pooled.varianceX : 0
  const adjustedTreated = adjust(treated, theta, pooled.meanX)
  const adjustedControl = adjust(control, theta, pooled.meanX)
  return {
    theta,
    treated: adjustedTreated,
    control: adjustedControl,
    difference: welch(adjustedTreated, adjustedControl, alpha),
    lift: relativeLift(adjustedTreated, adjustedControl, alpha, {
      treatedMean: treated.meanY,
      controlMean: control.meanY,
    }),
  }
}

function adjust(arm: JointMoments, theta: number, commonMeanX: number): MeanMoments {
  const variance = arm.varianceY + theta ** 2 * arm.varianceX - 2 * theta * arm.covariance
  // A covariate that explains everything leaves 0, which rounding may take below.
  return { n: arm.n, mean: arm.meanY - theta * (arm.meanX - commonMeanX), variance: Math.max(0, variance) }
}

/** Mean of x, and the ratio's two moments, over both arms: within-arm plus between-arm sums of squares. */
function pool(a: JointMoments, b: JointMoments): { meanX: number; varianceX: number; covariance: number } {
  const n = a.n + b.n
  if (n < 2) return { meanX: 0, varianceX: 0, covariance: 0 }
  const between = (a.n * b.n) / n
  const gapX = a.meanX - b.meanX
  const gapY = a.meanY - b.meanY
  const within = (ofA: number, ofB: number) => Math.max(0, a.n - 1) * ofA + Math.max(0, b.n - 1) * ofB
  return {
    meanX: (a.n * a.meanX + b.n * b.meanX) / n,
    varianceX: (within(a.varianceX, b.varianceX) + between * gapX * gapX) / (n - 1),
    covariance: (within(a.covariance, b.covariance) + between * gapX * gapY) / (n - 1),
  }
}
