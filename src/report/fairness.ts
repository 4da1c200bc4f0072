import type { Fairness } from '#contracts/campaign.ts'
import { ALPHA_DEFAULT } from '#statistics/difference.ts'
import { differenceInRates } from '#statistics/difference-in-rates.ts'
import { holm } from '#statistics/many-comparisons.ts'
import type { FairnessTallies, GroupTreated } from './fairness-rows.ts'
import type { FairnessCheck } from './report-schema.ts'

/**
 * Treatment rates by group, each over the highest one: the four-fifths rule (Uniform Guidelines on Employee
 * Selection Procedures, 29 CFR 1607.4 D: a rate below four fifths of the highest group's is evidence of adverse
 * impact), for any treatment and for each. A group below the ratio is a warning where the difference is beyond
 * chance too: pooled z, Holm-adjusted over all comparisons of the campaign.
 */
export function fairnessChecks(
  tallies: FairnessTallies,
  treatmentIds: readonly string[],
  { ratioMin, customersMin }: Fairness,
): FairnessCheck[] {
  const checks = [...tallies].flatMap(([attribute, groups]) =>
    ['', ...treatmentIds].map((treatmentId) => compared(attribute, treatmentId, groups, customersMin)),
  )
  const all = checks.flatMap(({ groups }) => groups.filter(({ p }) => p !== null))
  const adjusted = holm(all.map(({ p }) => p as number))
  const holmPs = new Map(all.map((group, i) => [group, adjusted[i] as number]))
  return checks.map((check) => ({
    ...check,
    groups: check.groups.map(({ p: _, ...group }, i) => {
      const holmP = holmPs.get(check.groups[i] as Compared) ?? null
      const isBelow = group.ratio !== null && group.ratio < ratioMin
      return { ...group, holmP, warning: isBelow && holmP !== null && holmP < ALPHA_DEFAULT }
    }),
  }))
}

/** For people: one line for each warning. */
export function fairnessNotes(checks: readonly FairnessCheck[], { ratioMin }: Fairness): string[] {
  return checks.flatMap(({ attribute, treatmentId, groups }) =>
    groups
      .filter(({ warning }) => warning)
      .map(({ value, rate, ratio }) => {
        const what = treatmentId === '' ? 'a message' : `“${treatmentId}”`
        const highest = rate / (ratio as number)
        return (
          `Fairness: ${percent(rate)} of ${attribute} “${value}” got ${what}, against ${percent(highest)} in the ` +
          `group that got it most: ${percent(ratio as number)} of its rate, and ${percent(ratioMin)} is the least.`
        )
      }),
  )
}

type Compared = Omit<FairnessCheck['groups'][number], 'holmP' | 'warning'> & { p: number | null }

function compared(
  attribute: string,
  treatmentId: string,
  groups: ReadonlyMap<string, GroupTreated>,
  customersMin: number,
): Omit<FairnessCheck, 'groups'> & { groups: Compared[] } {
  const rated = [...groups]
    .map(([value, { customers, reached }]) => {
      const treated = reached.get(treatmentId) ?? 0
      return { value, customers, treated, rate: customers === 0 ? 0 : treated / customers }
    })
    .sort((a, b) => b.rate - a.rate || (a.value < b.value ? -1 : 1))
  // Whoever's value is unknown is shown, and neither judged nor judged by.
  const judged = rated.filter(({ value, customers }) => value !== '' && customers >= customersMin)
  const [highest] = judged
  return {
    attribute,
    treatmentId,
    groups: rated.map((group) => {
      if (highest === undefined || highest.rate === 0 || !judged.includes(group))
        return { ...group, ratio: null, p: null }
      const p =
        group === highest
          ? null
          : (differenceInRates(
              { n: group.customers, conversions: group.treated },
              { n: highest.customers, conversions: highest.treated },
            )?.p ?? null)
      return { ...group, ratio: group.rate / highest.rate, p }
    }),
  }
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
