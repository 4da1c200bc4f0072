import type { EstimatorName } from '#statistics/off-policy/estimators.ts'
import type { LoggedRows } from '#statistics/off-policy/logged-rows.ts'

/** Five rows worked out by hand. */
export const toyRows: LoggedRows = {
  rewards: Float64Array.of(1, 0, 1, 0, 1),
  logged: Float64Array.of(0.5, 0.25, 0.2, 0.5, 0.1),
  target: Float64Array.of(0.25, 0.5, 0.6, 0.5, 0.3),
  predicted: Float64Array.of(0.6, 0.2, 0.7, 0.1, 0.4),
  predictedTarget: Float64Array.of(0.5, 0.3, 0.6, 0.2, 0.35),
}

export const toySettings = { clipAt: 2, switchAt: 2, shrinkage: 4, subGaussian: 0.1 }

export const toyEffectiveRows = 3.8817204301

export const toyValues: Record<EstimatorName, number> = {
  ips: 1.3,
  clippedIps: 0.9,
  snips: 0.6842105263,
  dm: 0.39,
  dr: 0.87,
  sndr: 0.6426315789,
  switchDr: 0.33,
  drOs: 0.537800905,
  subGaussianDr: 0.7893779904,
}
