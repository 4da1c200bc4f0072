import type { EstimatorName } from '#statistics/off-policy/estimators.ts'
import type { PolicyEvaluation } from '#statistics/off-policy/evaluate-policy.ts'
import { describeRefusal } from '#statistics/off-policy/refusal.ts'
import type { WeightSummary } from '#statistics/off-policy/weights.ts'

const labels: Record<EstimatorName, string> = {
  ips: 'IPS',
  clippedIps: 'clipped IPS',
  snips: 'SNIPS',
  dm: 'DM',
  dr: 'DR',
  sndr: 'SNDR',
  switchDr: 'Switch-DR',
  drOs: 'DRos',
  subGaussianDr: 'sub-Gaussian DR',
}

/** An evaluation for a terminal: each estimate with its interval, what it rests on, or why there is none. */
export function evaluationTable(evaluation: PolicyEvaluation): string {
  if (evaluation.kind === 'refused') {
    const reasons = evaluation.refusals.map((refusal) => `  ${describeRefusal(refusal)}`)
    const weights = evaluation.weights === undefined ? [] : [weightsLine(evaluation.weights)]
    return ['No estimate:', ...reasons, ...weights].join('\n')
  }
  const rows = evaluation.estimates.map(({ estimator, value, interval }) => [
    labels[estimator],
    shown(value),
    `[${shown(interval.lower)}, ${shown(interval.upper)}]`,
  ])
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)))
  const lines = rows.map(
    ([label, value, interval]) =>
      `  ${label!.padEnd(widths[0]!)}  ${value!.padStart(widths[1]!)}  ${interval}`,
  )
  return ['Value per decision, 95 % interval', ...lines, weightsLine(evaluation.weights)].join('\n')
}

/** Six digits are more than any of it deserves, and show small rates. */
export function shown(value: number): string {
  return value.toPrecision(4)
}

function weightsLine({ n, effectiveRows, mean, largest }: WeightSummary): string {
  return (
    `${n} decisions, ${effectiveRows.toFixed(1)} effective; ` +
    `mean weight ${mean.toFixed(4)}, largest ${largest.toFixed(2)}`
  )
}
