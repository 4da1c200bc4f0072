import { stringify } from 'csv-stringify/sync'
import type { GroupResult, Measure, UpliftReport } from './report-schema.ts'

/** One row per comparison and goal, unrounded; an empty cell where there is no such number. */
export function reportCsv(report: UpliftReport): string {
  const rows = report.comparisons.flatMap((comparison) =>
    comparison.goals.map((goal) => ({
      campaign_id: report.campaignId,
      version: report.version,
      state: report.state,
      generated_at: new Date(report.generatedAt).toISOString(),
      currency: report.currency,
      comparison: comparison.kind,
      treated: comparison.treatedId,
      control: comparison.controlId,
      goal: goal.goalId,
      ...groupCells('treated', goal.treated),
      ...groupCells('control', goal.control),
      ...measureCells('rate', goal.rate),
      ...measureCells('value', goal.value),
    })),
  )
  return stringify(rows, { header: true, columns: COLUMNS })
}

function groupCells(prefix: string, group: GroupResult): Record<string, unknown> {
  return {
    [`${prefix}_customers`]: group.customers,
    [`${prefix}_conversions`]: group.conversions,
    [`${prefix}_rate`]: group.rate,
    [`${prefix}_rate_lower`]: group.rateInterval.lower,
    [`${prefix}_rate_upper`]: group.rateInterval.upper,
    [`${prefix}_value_sum`]: group.valueSum,
    [`${prefix}_value_per_customer`]: group.valuePerCustomer,
  }
}

function measureCells(prefix: string, measure: Measure | null): Record<string, unknown> {
  const { difference, relative, incremental, holmP, verdict } = measure ?? {}
  return {
    [`${prefix}_difference`]: difference?.estimate,
    [`${prefix}_standard_error`]: difference?.standardError,
    [`${prefix}_statistic`]: difference?.statistic,
    [`${prefix}_p`]: difference?.p,
    [`${prefix}_fixed_lower`]: difference?.fixed.lower,
    [`${prefix}_fixed_upper`]: difference?.fixed.upper,
    [`${prefix}_anytime_lower`]: difference?.anytime?.lower,
    [`${prefix}_anytime_upper`]: difference?.anytime?.upper,
    [`${prefix}_anytime_p`]: difference?.anytimeP,
    [`${prefix}_holm_p`]: holmP,
    [`${prefix}_lift`]: relative?.estimate,
    [`${prefix}_lift_fixed_lower`]: relative?.fixed.lower,
    [`${prefix}_lift_fixed_upper`]: relative?.fixed.upper,
    [`${prefix}_lift_anytime_lower`]: relative?.anytime?.lower,
    [`${prefix}_lift_anytime_upper`]: relative?.anytime?.upper,
    [`${prefix}_incremental`]: incremental?.estimate,
    [`${prefix}_incremental_fixed_lower`]: incremental?.fixed.lower,
    [`${prefix}_incremental_fixed_upper`]: incremental?.fixed.upper,
    [`${prefix}_incremental_anytime_lower`]: incremental?.anytime?.lower,
    [`${prefix}_incremental_anytime_upper`]: incremental?.anytime?.upper,
    [`${prefix}_verdict`]: verdict?.code,
  }
}

const emptyGroup: GroupResult = {
  groupId: '',
  customers: 0,
  conversions: 0,
  rate: 0,
  rateInterval: { lower: 0, upper: 1 },
  payers: 0,
  valueSum: 0,
  valuePerCustomer: 0,
  valueVariance: 0,
}

/** The header also of a report without rows. */
const COLUMNS = [
  ...[
    'campaign_id',
    'version',
    'state',
    'generated_at',
    'currency',
    'comparison',
    'treated',
    'control',
    'goal',
  ],
  ...Object.keys(groupCells('treated', emptyGroup)),
  ...Object.keys(groupCells('control', emptyGroup)),
  ...Object.keys(measureCells('rate', null)),
  ...Object.keys(measureCells('value', null)),
]
