import { crossFittedRegression } from '#statistics/off-policy/cross-fitted-regression.ts'
import type { LoggedDecisions, PerAction } from '#statistics/off-policy/logged-rows.ts'

/** Which column of a log is what. */
export interface CsvColumns {
  action: string
  reward: string
  /** π_b of the action drawn. */
  propensity: string
  /** Choice sets differ by this column's value (a place on a page); '' where all rows have the same. */
  within: string
  /** What q̂ may know of a row: numbers as they are, words one-hot. */
  context: readonly string[]
}

export const csvColumnsDefault: CsvColumns = {
  action: 'action',
  reward: 'reward',
  propensity: 'propensity',
  within: '',
  context: [],
}

/** A log of one line per decision. `target:NAME` columns, one per action, hold a policy's probabilities. */
export interface CsvLog {
  n: number
  actions: readonly string[]
  logged: LoggedDecisions
  predict(): PerAction
  uniform: PerAction
  always(action: string): PerAction | null
  /** Of the `target:…` columns; null without them. */
  columns: PerAction | null
  /** As another log drew on average: its mean propensity per action and `within`, normalised. */
  like(other: CsvLog): PerAction
  /** Mean propensity per action, normalised; by value of `within`. */
  meanPropensities(): Map<string, Map<string, number>>
}

export type CsvLogFault = { fault: string }

const targetPrefix = 'target:'
/** Numbers and words together; what is seen rarest is left out. */
const dimensionsMax = 64

/**
 * What was not drawn has the probability with which the log draws it on average (per value of `within`), and
 * 0 where it never does: a line of CSV says how likely the action drawn was and nothing of the others.
 *
 * @param alsoActions that a target may draw, whether or not the log does
 */
export function readCsvLog(
  header: readonly string[],
  lines: readonly (readonly string[])[],
  columns: CsvColumns,
  alsoActions: readonly string[] = [],
): CsvLog | CsvLogFault {
  const places = placesOf(header, columns)
  if ('fault' in places) return places
  const actions = new Map<string, number>()
  for (const name of alsoActions) indexIn(actions, name)
  for (const name of places.targets.keys()) indexIn(actions, name)
  const sets = new Map<string, number>()
  const n = lines.length
  const drawn = new Int32Array(n)
  const within = new Int32Array(n)
  const rewards = new Float64Array(n)
  const propensities = new Float64Array(n)
  for (const [row, cells] of lines.entries()) {
    drawn[row] = indexIn(actions, cells[places.action] ?? '')
    within[row] = indexIn(sets, places.within < 0 ? '' : (cells[places.within] ?? ''))
    rewards[row] = numberOf(cells[places.reward])
    propensities[row] = numberOf(cells[places.propensity])
    const propensity = propensities[row]!
    if (!Number.isFinite(rewards[row]!)) return faultAt(row, columns.reward, 'is no number')
    if (!(propensity > 0 && propensity <= 1)) {
      return faultAt(row, columns.propensity, `${cells[places.propensity]} is not in (0, 1]`)
    }
  }
  const table = { actions, sets, drawn, within, rewards, propensities }
  const features = featuresOf(
    places.context.map((place) => lines.map((cells) => cells[place] ?? '')),
    within,
    sets.size,
  )
  return csvLogOf(table, features, targetColumns(places.targets, actions, lines))
}

interface Table {
  actions: Map<string, number>
  /** Values of `within`. */
  sets: Map<string, number>
  drawn: Int32Array
  within: Int32Array
  rewards: Float64Array
  propensities: Float64Array
}

function csvLogOf(table: Table, features: FeatureColumns, columns: PerAction | null): CsvLog {
  const { actions, sets, drawn, within, rewards, propensities } = table
  const names = [...actions.keys()]
  const means = meanShares(table)
  const logged: LoggedDecisions = {
    n: rewards.length,
    actionCount: names.length,
    actionAt: (row) => drawn[row]!,
    rewardAt: (row) => rewards[row]!,
    behaviourAt(row, into) {
      into.set(means[within[row]!]!)
      into[drawn[row]!] = propensities[row]!
    },
  }
  return {
    n: rewards.length,
    actions: names,
    logged,
    columns,
    predict: () => crossFittedRegression({ ...logged, ...features }),
    uniform: (_row, into) => into.fill(1 / into.length),
    always(action) {
      const index = actions.get(action)
      if (index === undefined) return null
      return (_row, into) => {
        into.fill(0)
        into[index] = 1
      }
    },
    like(other) {
      const shares = other.meanPropensities()
      const bySet = [...sets.keys()].map((set) => {
        const own = shares.get(set) ?? new Map<string, number>()
        return Float64Array.from(names, (name) => own.get(name) ?? 0)
      })
      return (row, into) => into.set(bySet[within[row]!]!)
    },
    meanPropensities() {
      const entries = [...sets].map(([set, index]): [string, Map<string, number>] => [
        set,
        new Map(names.map((name, action) => [name, means[index]![action]!])),
      ])
      return new Map(entries)
    },
  }
}

/** By set: each action's mean propensity where it was drawn, normalised. */
function meanShares({ actions, sets, drawn, within, propensities }: Table): Float64Array[] {
  const sums = Array.from({ length: sets.size }, () => new Float64Array(actions.size))
  const counts = Array.from({ length: sets.size }, () => new Float64Array(actions.size))
  for (let row = 0; row < drawn.length; row += 1) {
    sums[within[row]!]![drawn[row]!]! += propensities[row]!
    counts[within[row]!]![drawn[row]!]! += 1
  }
  return sums.map((own, set) => {
    const means = own.map((sum, action) => (counts[set]![action]! === 0 ? 0 : sum / counts[set]![action]!))
    const total = means.reduce((sum, mean) => sum + mean, 0)
    return means.map((mean) => mean / total)
  })
}

interface Places {
  action: number
  reward: number
  propensity: number
  within: number
  context: number[]
  /** Action to column. */
  targets: Map<string, number>
}

function placesOf(header: readonly string[], columns: CsvColumns): Places | CsvLogFault {
  const needed = [columns.action, columns.reward, columns.propensity, ...columns.context]
  if (columns.within !== '') needed.push(columns.within)
  const missing = needed.filter((name) => !header.includes(name))
  if (missing.length > 0) {
    return { fault: `there is no column ${missing.join(', ')}; there are ${header.join(', ')}` }
  }
  const targets = header.flatMap((name, place): [string, number][] =>
    name.startsWith(targetPrefix) ? [[name.slice(targetPrefix.length), place]] : [],
  )
  return {
    action: header.indexOf(columns.action),
    reward: header.indexOf(columns.reward),
    propensity: header.indexOf(columns.propensity),
    within: columns.within === '' ? -1 : header.indexOf(columns.within),
    context: columns.context.map((name) => header.indexOf(name)),
    targets: new Map(targets),
  }
}

/** Actions without a column of their own get nothing. */
function targetColumns(
  targets: Map<string, number>,
  actions: Map<string, number>,
  lines: readonly (readonly string[])[],
): PerAction | null {
  if (targets.size === 0) return null
  const places = [...targets].map(([name, place]) => ({ action: actions.get(name)!, place }))
  return (row, into) => {
    into.fill(0)
    for (const { action, place } of places) into[action] = numberOf(lines[row]![place])
  }
}

interface FeatureColumns {
  dimensions: number
  featuresAt(row: number, into: Float64Array): void
}

/** The set one-hot, then the context: a column of numbers standardised, one of words one-hot. */
function featuresOf(columns: string[][], within: Int32Array, setCount: number): FeatureColumns {
  const setDimensions = setCount > 1 ? Math.min(setCount, dimensionsMax) : 0
  const numeric: Float64Array[] = []
  const words: { values: string[]; places: Map<string, number> }[] = []
  let used = setDimensions
  for (const values of columns) {
    const numbers = Float64Array.from(values, numberOf)
    if (numbers.every(Number.isFinite) && used < dimensionsMax) {
      numeric.push(standardized(numbers))
      used += 1
    }
  }
  for (const values of columns) {
    if (values.every((value) => Number.isFinite(numberOf(value)))) continue
    const kept = mostFrequent(values).slice(0, Math.max(0, dimensionsMax - used))
    words.push({ values, places: new Map(kept.map((value, i) => [value, used + i])) })
    used += kept.length
  }
  return {
    dimensions: used,
    featuresAt(row, into) {
      into.fill(0)
      if (within[row]! < setDimensions) into[within[row]!] = 1
      for (const [i, values] of numeric.entries()) into[setDimensions + i] = values[row]!
      for (const { values, places } of words) {
        const place = places.get(values[row]!)
        if (place !== undefined) into[place] = 1
      }
    },
  }
}

/** Mean 0, spread 1, within ±5; 0 throughout where all are alike. */
function standardized(values: Float64Array): Float64Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  const spread = Math.sqrt(variance)
  return values.map((value) => (spread === 0 ? 0 : Math.max(-5, Math.min(5, (value - mean) / spread))))
}

function mostFrequent(values: string[]): string[] {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([value]) => value)
}

function indexIn(names: Map<string, number>, name: string): number {
  const known = names.get(name)
  if (known !== undefined) return known
  names.set(name, names.size)
  return names.size - 1
}

/** NaN where the cell is empty or no number: `Number('')` would be 0. */
function numberOf(cell: string | undefined): number {
  return cell === undefined || cell.trim() === '' ? Number.NaN : Number(cell)
}

function faultAt(row: number, column: string, what: string): CsvLogFault {
  return { fault: `${column} of data line ${row + 1}: ${what}` }
}
