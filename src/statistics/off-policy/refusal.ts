import type { Interval } from '../difference.ts'

/** Why no estimate is given, with the numbers that say so. */
export type Refusal =
  | { reason: 'no_rows' }
  /** `row`: the first whose target probabilities do not sum to 1 (NaN where one is negative or no number). */
  | { reason: 'not_a_distribution'; row: number; sum: number }
  /** The target draws `actions` (indices) that the log never could; `mass`: its mean probability of them. */
  | { reason: 'no_support'; rows: number; mass: number; actions: number[] }
  | { reason: 'few_effective_rows'; effectiveRows: number; effectiveRowsMin: number }
  | { reason: 'mean_weight_off'; meanWeight: number; interval: Interval; distanceMax: number }

/** One sentence for people. */
export function describeRefusal(refusal: Refusal): string {
  switch (refusal.reason) {
    case 'no_rows':
      return 'the log has no row to judge by'
    case 'not_a_distribution':
      return `the target's probabilities sum to ${refusal.sum}, not to 1, in row ${refusal.row}`
    case 'no_support':
      return (
        `the target gives ${percent(refusal.mass)} of its probability to actions that the log never ` +
        `draws (in ${refusal.rows} rows)`
      )
    case 'few_effective_rows':
      return (
        `the weights leave ${refusal.effectiveRows.toFixed(1)} effective rows, ` +
        `and ${refusal.effectiveRowsMin} are needed`
      )
    case 'mean_weight_off': {
      const { lower, upper } = refusal.interval
      return (
        `the mean weight is ${refusal.meanWeight.toFixed(4)} [${lower.toFixed(4)}, ${upper.toFixed(4)}] ` +
        `instead of 1: the log holds too little, or too much, of what the target would do`
      )
    }
  }
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
