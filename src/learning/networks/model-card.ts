import type { NetworkRequest } from '#contracts/network.ts'
import { type Calibration, calibrated, fitCalibration } from '#statistics/calibration.ts'
import {
  areaUnderRoc,
  brierScore,
  expectedCalibrationError,
  logLoss,
  type ReliabilityBin,
  reliabilityCurve,
} from '#statistics/classification.ts'
import { createForwardNetwork } from './forward.ts'
import type { NetworkShape } from './network-shape.ts'
import type { NetworkRows, TrainedNetwork } from './train-network.ts'

/** What a network says of itself; every figure is of the rows that neither taught nor calibrated it. */
export interface ModelCard {
  modelId: string
  kind: NetworkRequest['kind'] | 'starter'
  purpose: string
  trainedAt: string
  request: NetworkRequest | Record<string, unknown>
  features: { schema: string; hash: string; traits: string[] }
  data: {
    /** Instants of the first and the last row, ISO 8601. */
    from: string
    to: string
    customers: number
    rows: { taught: number; stopped: number; measured: number }
  }
  training: {
    backend: string
    seed: number
    network: string
    epochs: number
    bestEpoch: number
    stoppedEarly: boolean
    heldOutLosses: number[]
  }
  heads: HeadCard[]
  /** Uplift only: customers by predicted uplift, the highest fifth first. */
  uplift?: UpliftFifth[]
  limits: string[]
}

export interface HeadCard {
  name: string
  meaning: string
  /** Measured rows that know the label, and those where it is 1. */
  rows: number
  positives: number
  metrics: {
    logLoss: number
    /** Of a model that knows the base rate of the teaching rows and nothing else. */
    logLossOfBaseRate: number
    auc: number
    brier: number
    ece: number
    eceUncalibrated: number
  }
  reliability: ReliabilityBin[]
  calibration: Calibration
}

export interface UpliftFifth {
  predicted: number
  /** Difference of the conversion rates of treated and held out, as it was. */
  observed: number
  treated: number
  heldOut: number
}

/** Calibrates each head on part 1 and measures it on part 2. */
export function measureHeads(
  shape: NetworkShape,
  trained: TrainedNetwork,
  rows: NetworkRows,
  meanings: readonly { name: string; meaning: string }[],
): { heads: HeadCard[]; uplift?: UpliftFifth[] } {
  const network = createForwardNetwork(shape, trained.weights)
  const count = shape.heads.length
  const told: Float64Array[] = []
  for (let row = 0; row < rows.count; row += 1) {
    const x = Float64Array.from(rows.x.subarray(row * shape.inputs, (row + 1) * shape.inputs))
    told.push(network.heads(x))
  }
  const of = (part: number, head: number): { p: number[]; y: number[] } => {
    const p: number[] = []
    const y: number[] = []
    for (let row = 0; row < rows.count; row += 1) {
      const label = rows.y[row * count + head]!
      if (rows.part[row] !== part || Number.isNaN(label)) continue
      p.push(told[row]![head]!)
      y.push(label)
    }
    return { p, y }
  }
  const heads = meanings.map(({ name, meaning }, head): HeadCard => {
    const [taught, held, measured] = [of(0, head), of(1, head), of(2, head)]
    const calibration = fitCalibration(held.p, held.y)
    const p = measured.p.map((own) => calibrated(calibration, own))
    const baseRate = mean(taught.y)
    const reliability = reliabilityCurve(p, measured.y)
    return {
      name,
      meaning,
      rows: measured.y.length,
      positives: measured.y.reduce((sum, y) => sum + y, 0),
      metrics: {
        logLoss: logLoss(p, measured.y),
        logLossOfBaseRate: logLoss(
          p.map(() => baseRate),
          measured.y,
        ),
        auc: areaUnderRoc(p, measured.y),
        brier: brierScore(p, measured.y),
        ece: expectedCalibrationError(reliability),
        eceUncalibrated: expectedCalibrationError(reliabilityCurve(measured.p, measured.y)),
      },
      reliability,
      calibration,
    }
  })
  const [treated, heldOut] = ['treated', 'held-out'].map((name) => shape.heads.indexOf(name))
  if (treated! < 0 || heldOut! < 0) return { heads }
  return { heads, uplift: upliftFifths(rows, told, heads, treated!, heldOut!) }
}

function upliftFifths(
  rows: NetworkRows,
  told: Float64Array[],
  heads: HeadCard[],
  treated: number,
  heldOut: number,
): UpliftFifth[] {
  const count = heads.length
  const measured: { uplift: number; isTreated: boolean; y: number }[] = []
  for (let row = 0; row < rows.count; row += 1) {
    if (rows.part[row] !== 2) continue
    const [with_, without] = [treated, heldOut].map((head) =>
      calibrated(heads[head]!.calibration, told[row]![head]!),
    )
    const labelled = rows.y[row * count + treated]!
    const isTreated = !Number.isNaN(labelled)
    measured.push({
      uplift: with_! - without!,
      isTreated,
      y: isTreated ? labelled : rows.y[row * count + heldOut]!,
    })
  }
  measured.sort((a, b) => b.uplift - a.uplift)
  return [0, 1, 2, 3, 4].map((fifth) => {
    const own = measured.slice((fifth * measured.length) / 5, ((fifth + 1) * measured.length) / 5)
    const got = own.filter(({ isTreated }) => isTreated)
    const not = own.filter(({ isTreated }) => !isTreated)
    return {
      predicted: mean(own.map(({ uplift }) => uplift)),
      observed: mean(got.map(({ y }) => y)) - mean(not.map(({ y }) => y)),
      treated: got.length,
      heldOut: not.length,
    }
  })
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
