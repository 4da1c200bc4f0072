import type { Difference, Interval } from '#statistics/difference.ts'
import { estimatePolicy } from '#statistics/off-policy/estimators.ts'
import type { LoggedRows } from '#statistics/off-policy/logged-rows.ts'
import { policyDifference } from '#statistics/off-policy/policy-difference.ts'
import { describeRefusal, type Refusal } from '#statistics/off-policy/refusal.ts'
import {
  effectiveRowsMin as constantRowsMin,
  importanceWeights,
  refuseWeights,
  summarizeWeights,
  type WeightSummary,
} from '#statistics/off-policy/weights.ts'

export interface GateSettings {
  /** Fewer effective rows than that are no ground for a change. */
  effectiveRowsMin: number
  /** δ as a share of what the best constant action is worth: so much loss a new policy may risk. */
  lossMaxShare: number
}

export const gateSettingsDefault: GateSettings = { effectiveRowsMin: 1_000, lossMaxShare: 0.02 }

/** A value per decision under DR, with its 95 % interval. */
interface Valued {
  value: number
  interval: Interval
}

/** What the gate looked at; stored with every promotion, by the gate or past it. */
export interface GateFigures {
  weights: WeightSummary
  candidate: Valued
  /** The one of highest value; null where none has 100 effective rows. */
  bestConstant: ({ name: string; effectiveRows: number } & Valued) | null
  /** DR(candidate − best constant action). */
  difference: Difference | null
  /** δ, in the unit of the reward. */
  delta: number | null
}

export type GateRefusal =
  | Refusal
  | { reason: 'no_constant_action' }
  | { reason: 'may_lose'; lower: number; delta: number; bestConstant: string }

export type GateVerdict =
  | { kind: 'passed'; figures: GateFigures }
  | { kind: 'refused'; refusals: GateRefusal[]; figures: GateFigures | null }

/**
 * Whether a new policy may go live: its weights must stand (`refuseWeights`, with 1,000 effective rows), and
 * the lower end of the 95 % interval of DR(new − best constant action) must not be below −δ.
 *
 * The best constant action is the one of highest DR value over the same rows, among those with at least 100
 * effective rows. Picking it there favours it a little: the error is on the side of no change. All rows are
 * over the same log, with q̂ cross-fitted; the log must be one that the new policy has not learned from, or
 * its rows must be cross-fitted too.
 */
export function promotionGate(
  candidate: LoggedRows,
  constants: readonly { name: string; rows: LoggedRows }[],
  settings: GateSettings = gateSettingsDefault,
): GateVerdict {
  if (candidate.rewards.length === 0) {
    return { kind: 'refused', refusals: [{ reason: 'no_rows' }], figures: null }
  }
  const weights = summarizeWeights(importanceWeights(candidate))
  const refusals: GateRefusal[] = refuseWeights(weights, settings.effectiveRowsMin)
  const best = bestOf(constants)
  const difference = best === null ? null : policyDifference(candidate, best.rows)
  const delta = best === null ? null : settings.lossMaxShare * Math.abs(best.value)
  if (best === null || difference === null || delta === null) {
    refusals.push({ reason: 'no_constant_action' })
  } else if (!(difference.interval.lower >= -delta)) {
    refusals.push({
      reason: 'may_lose',
      lower: difference.interval.lower,
      delta,
      bestConstant: best.name,
    })
  }
  const figures: GateFigures = {
    weights,
    candidate: doublyRobustValue(candidate),
    bestConstant: best === null ? null : withoutRows(best),
    difference,
    delta,
  }
  return refusals.length === 0 ? { kind: 'passed', figures } : { kind: 'refused', refusals, figures }
}

/** One sentence for people. */
export function describeGateRefusal(refusal: GateRefusal): string {
  switch (refusal.reason) {
    case 'no_constant_action':
      return `no single action has ${constantRowsMin} effective rows to compare with`
    case 'may_lose':
      return (
        `it may lose ${formatted(-refusal.lower)} a decision against always "${refusal.bestConstant}", ` +
        `and at most ${formatted(refusal.delta)} may be risked`
      )
    default:
      return describeRefusal(refusal)
  }
}

type Best = { name: string; rows: LoggedRows; effectiveRows: number } & Valued

function bestOf(constants: readonly { name: string; rows: LoggedRows }[]): Best | null {
  let best: Best | null = null
  for (const { name, rows } of constants) {
    const { effectiveRows } = summarizeWeights(importanceWeights(rows))
    if (effectiveRows < constantRowsMin) continue
    const valued = doublyRobustValue(rows)
    if (best === null || valued.value > best.value) best = { name, rows, effectiveRows, ...valued }
  }
  return best
}

function doublyRobustValue(rows: LoggedRows): Valued {
  const estimates = estimatePolicy(rows, importanceWeights(rows))
  const { value, interval } = estimates.find(({ estimator }) => estimator === 'dr')!
  return { value, interval }
}

function withoutRows({ rows: _, ...best }: Best): Omit<Best, 'rows'> {
  return best
}

function formatted(amount: number): string {
  return String(Number(amount.toPrecision(3)))
}
