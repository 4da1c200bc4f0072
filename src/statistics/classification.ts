/**
 * Area under the ROC curve: probability that a positive is scored above a negative, ties half (Mann-Whitney).
 * NaN without both kinds.
 */
export function areaUnderRoc(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const order = Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[a]! - scores[b]!)
  let positives = 0
  let rankSum = 0
  for (let from = 0; from < order.length; ) {
    let to = from
    while (to < order.length && scores[order[to]!] === scores[order[from]!]) to += 1
    const meanRank = (from + 1 + to) / 2
    for (let i = from; i < to; i += 1) {
      if (labels[order[i]!] !== 1) continue
      positives += 1
      rankSum += meanRank
    }
    from = to
  }
  const negatives = order.length - positives
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives)
}

const probabilityMin = 1e-12

/** Mean of −y·ln p − (1 − y)·ln(1 − p), probabilities clipped at 1e-12. */
export function logLoss(probabilities: ArrayLike<number>, labels: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < probabilities.length; i += 1) {
    const p = labels[i] === 1 ? probabilities[i]! : 1 - probabilities[i]!
    sum -= Math.log(Math.max(probabilityMin, p))
  }
  return sum / probabilities.length
}

/** Mean of (p − y)². Brier 1950. */
export function brierScore(probabilities: ArrayLike<number>, labels: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < probabilities.length; i += 1) sum += (probabilities[i]! - labels[i]!) ** 2
  return sum / probabilities.length
}

export interface ReliabilityBin {
  count: number
  meanProbability: number
  /** Share of positives. */
  rate: number
}

/** Bins of equal counts by probability, equal probabilities never apart; at most `binsMax`. */
export function reliabilityCurve(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  binsMax = 10,
): ReliabilityBin[] {
  const count = probabilities.length
  const order = Array.from({ length: count }, (_, i) => i).sort(
    (a, b) => probabilities[a]! - probabilities[b]!,
  )
  const bins: ReliabilityBin[] = []
  for (let from = 0; from < count; ) {
    let to = Math.min(count, Math.max(from + 1, Math.round(((bins.length + 1) * count) / binsMax)))
    while (to < count && probabilities[order[to]!] === probabilities[order[to - 1]!]) to += 1
    let sum = 0
    let positives = 0
    for (let i = from; i < to; i += 1) {
      sum += probabilities[order[i]!]!
      positives += labels[order[i]!]!
    }
    bins.push({ count: to - from, meanProbability: sum / (to - from), rate: positives / (to - from) })
    from = to
  }
  return bins
}

/** Expected calibration error: mean of |rate − mean probability| over the bins, by their counts (Naeini 2015). */
export function expectedCalibrationError(bins: readonly ReliabilityBin[]): number {
  let sum = 0
  let count = 0
  for (const bin of bins) {
    sum += bin.count * Math.abs(bin.rate - bin.meanProbability)
    count += bin.count
  }
  return sum / count
}
