import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import { crossFittedRegression } from '#statistics/off-policy/cross-fitted-regression.ts'
import type { LoggedDecisions, PerAction } from '#statistics/off-policy/logged-rows.ts'

/** One policy's log of one campaign of the Open Bandit Dataset (Saito et al., NeurIPS 2020). */
export interface OpenBanditLog {
  n: number
  items: Int32Array
  /** 0 to 2: place on the page. */
  positions: Int32Array
  clicks: Float64Array
  propensities: Float64Array
  /** One-hot of user feature values, indices of those that are 1. */
  users: number[][]
}

export const positionCount = 3
/** Columns kept for user features: the values seen most often. */
const userDimensions = 48

/** Campaigns of which the folder has both logs, such as `men`. */
export function campaignsIn(folder: string): string[] {
  const files = new Set(readdirSync(folder))
  return [...files]
    .flatMap((file) => /^random_([a-z]+)\.csv$/.exec(file)?.[1] ?? [])
    .filter((campaign) => files.has(`bts_${campaign}.csv`))
    .sort()
}

export function readLog(folder: string, policy: 'random' | 'bts', campaign: string): OpenBanditLog {
  const text = readFileSync(join(folder, `${policy}_${campaign}.csv`), 'utf8')
  const rows = parse(text, { columns: true, skip_empty_lines: true }) as Record<string, string>[]
  const values = rows.map((row) => [0, 1, 2, 3].map((i) => `${i}=${row[`user_feature_${i}`]}`))
  const columns = mostFrequent(values.flat(), userDimensions)
  const numbers = (column: string): number[] => rows.map((row) => Number(row[column]))
  return {
    n: rows.length,
    items: Int32Array.from(numbers('item_id')),
    positions: Int32Array.from(numbers('position').map((position) => position - 1)),
    clicks: Float64Array.from(numbers('click')),
    propensities: Float64Array.from(numbers('propensity_score')),
    users: values.map((own) => own.flatMap((value) => columns.get(value) ?? [])),
  }
}

/** Mean logged propensity per position and item, normalised per position; 0 where never shown. */
export function meanPropensities(log: OpenBanditLog, itemCount: number): Float64Array[] {
  return Array.from({ length: positionCount }, (_, position) => {
    const sums = new Float64Array(itemCount)
    const counts = new Float64Array(itemCount)
    for (let row = 0; row < log.n; row += 1) {
      if (log.positions[row] !== position) continue
      sums[log.items[row]!]! += log.propensities[row]!
      counts[log.items[row]!]! += 1
    }
    const means = sums.map((sum, item) => (counts[item] === 0 ? 0 : sum / counts[item]!))
    const total = means.reduce((sum, mean) => sum + mean, 0)
    return means.map((mean) => mean / total)
  })
}

/**
 * The log as the estimators read it. What was not drawn has its mean logged propensity at the position, and
 * 0 where it was never shown there.
 */
export function loggedDecisions(log: OpenBanditLog, itemCount: number): LoggedDecisions {
  const shares = meanPropensities(log, itemCount)
  return {
    n: log.n,
    actionCount: itemCount,
    actionAt: (row) => log.items[row]!,
    rewardAt: (row) => log.clicks[row]!,
    behaviourAt(row, into) {
      into.set(shares[log.positions[row]!]!)
      into[log.items[row]!] = log.propensities[row]!
    },
  }
}

/** q̂(click | user, position, item). */
export function clickModel(log: OpenBanditLog, itemCount: number): PerAction {
  return crossFittedRegression({
    n: log.n,
    actionCount: itemCount,
    dimensions: positionCount + userDimensions,
    featuresAt(row, into) {
      into.fill(0)
      into[log.positions[row]!] = 1
      for (const column of log.users[row]!) into[positionCount + column] = 1
    },
    actionAt: (row) => log.items[row]!,
    rewardAt: (row) => log.clicks[row]!,
  })
}

function mostFrequent(values: string[], limit: number): Map<string, number> {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  const ranked = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
  return new Map(ranked.slice(0, limit).map(([value], column) => [value, column]))
}
