const settlesAfterMaxMs = 86_400_000

/**
 * When the learner is told what became of an exposure: a day after it, or at the end of a shorter window.
 * What comes later is a correction.
 *
 * Conversions come at once and their absence shows only when the window has ended. Told of each as it comes, a
 * head with young exposures has its conversions and not yet its misses: it looks best, is chosen more often and
 * has the more young exposures (delayed feedback; Chapelle 2014). So all are told at one age.
 */
export function settlesAt(exposedAt: number, windowMs: number): number {
  return exposedAt + Math.min(windowMs, settlesAfterMaxMs)
}
