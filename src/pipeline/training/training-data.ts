import type { FeatureSchema } from '#contracts/feature-schema.ts'
import { stableShare } from '#platform/ids/ids.ts'
import type { ReportingCurrency } from '#platform/money/reporting-currency.ts'
import type { NetworkRows } from '../../learning/networks/train-network.ts'

/** What a head predicts. */
export interface HeadMeaning {
  name: string
  /** In words, for the card. */
  meaning: string
}

/** One customer at one instant; labels by head, a missing one says nothing. */
export interface TrainingRow {
  customerId: string
  at: number
  x: Float64Array
  labels: ReadonlyMap<string, 0 | 1>
}

export interface TrainingData {
  schema: FeatureSchema
  traits: string[]
  heads: HeadMeaning[]
  rows: TrainingRow[]
  /** Instants of the first and the last row. */
  range: { from: number; to: number }
  customers: number
  /** What was left out, and why: for the card. */
  limits: string[]
}

export interface TrainingSources {
  schema: FeatureSchema
  traits: string[]
  currency: ReportingCurrency
  /** The workspace's. */
  zone: string
}

/** A head with fewer of its rarer label in any part is left out: nothing could be said of it. */
const rarerMin = 20

/**
 * The rows in the form that trains. A customer is in one part with all their rows, by a stable hash: .7 teach,
 * .15 stop the training and calibrate, .15 are only measured. Heads of which too little is known are left out.
 */
export function toNetworkRows(
  data: TrainingData,
  workspace: string,
):
  | { kind: 'rows'; rows: NetworkRows; heads: HeadMeaning[]; limits: string[] }
  | { kind: 'too-few'; reason: string } {
  const part = Uint8Array.from(data.rows, ({ customerId }) => partOf(workspace, customerId))
  const limits = [...data.limits]
  const heads = data.heads.filter((head) => {
    const counts = rarerByPart(data.rows, part, head.name)
    if (Math.min(...counts) >= rarerMin) return true
    limits.push(
      `${head.name} is left out: of its rarer label ${counts.join(', ')} rows teach, stop and measure, and each needs ${rarerMin}.`,
    )
    return false
  })
  const count = data.rows.length
  if (heads.length === 0) return { kind: 'too-few', reason: `${count} rows. ${limits.join(' ')}` }
  const { dimensions } = data.schema
  const x = new Float32Array(count * dimensions)
  const y = new Float32Array(count * heads.length).fill(Number.NaN)
  for (const [row, { x: own, labels }] of data.rows.entries()) {
    x.set(own, row * dimensions)
    for (const [place, { name }] of heads.entries()) {
      const label = labels.get(name)
      if (label !== undefined) y[row * heads.length + place] = label
    }
  }
  return { kind: 'rows', rows: { count, x, y, part }, heads, limits }
}

function partOf(workspace: string, customerId: string): number {
  const share = stableShare('network-part', workspace, customerId)
  return share < 0.7 ? 0 : share < 0.85 ? 1 : 2
}

function rarerByPart(rows: TrainingRow[], part: Uint8Array, head: string): number[] {
  const counts = [0, 1, 2].map(() => [0, 0] as [number, number])
  for (const [row, { labels }] of rows.entries()) {
    const label = labels.get(head)
    if (label !== undefined) counts[part[row]!]![label] += 1
  }
  return counts.map(([negatives, positives]) => Math.min(negatives, positives))
}
