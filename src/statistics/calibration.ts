/** A map from a model's probability to a calibrated one; rises with it or stays. */
export type Calibration =
  /** Between the points in straight lines, constant outside. */
  | { kind: 'isotonic'; from: number[]; to: number[] }
  /** σ(slope · logit p + intercept). */
  | { kind: 'platt'; slope: number; intercept: number }

/** Below this many rows, or this many of the rarer label, isotonic regression follows the noise. */
const isotonicRowsMin = 1_000
const isotonicRarerMin = 100

/** Isotonic regression where there is enough to go by, else Platt's two parameters. */
export function fitCalibration(probabilities: ArrayLike<number>, labels: ArrayLike<number>): Calibration {
  let positives = 0
  for (let i = 0; i < labels.length; i += 1) positives += labels[i]!
  const rarer = Math.min(positives, labels.length - positives)
  return labels.length >= isotonicRowsMin && rarer >= isotonicRarerMin
    ? fitIsotonic(probabilities, labels)
    : fitPlatt(probabilities, labels)
}

export function calibrated(calibration: Calibration, p: number): number {
  if (calibration.kind === 'platt') {
    return logistic(calibration.slope * logit(p) + calibration.intercept)
  }
  const { from, to } = calibration
  if (p <= from[0]!) return to[0]!
  for (let i = 1; i < from.length; i += 1) {
    if (p > from[i]!) continue
    const share = (p - from[i - 1]!) / (from[i]! - from[i - 1]!)
    return to[i - 1]! + share * (to[i]! - to[i - 1]!)
  }
  return to.at(-1)!
}

/**
 * Pool adjacent violators (Zadrozny & Elkan 2002). A block of n rows with k positives stands at
 * (k + 1) / (n + 2), so that nobody is ever certain, and at the mean of its probabilities.
 */
export function fitIsotonic(probabilities: ArrayLike<number>, labels: ArrayLike<number>): Calibration {
  const order = Array.from({ length: labels.length }, (_, i) => i).sort(
    (a, b) => probabilities[a]! - probabilities[b]!,
  )
  const blocks: { count: number; positives: number; sum: number }[] = []
  for (let i = 0; i < order.length; ) {
    const block = { count: 0, positives: 0, sum: 0 }
    const p = probabilities[order[i]!]!
    // Equal probabilities stay together.
    for (; i < order.length && probabilities[order[i]!] === p; i += 1) {
      block.count += 1
      block.positives += labels[order[i]!]!
      block.sum += p
    }
    blocks.push(block)
    for (;;) {
      const last = blocks.at(-1)!
      const before = blocks.at(-2)
      if (before === undefined || before.positives * last.count < last.positives * before.count) break
      blocks.pop()
      before.count += last.count
      before.positives += last.positives
      before.sum += last.sum
    }
  }
  const points = blocks.map(({ count, positives, sum }) => ({
    from: sum / count,
    to: (positives + 1) / (count + 2),
  }))
  // Smoothing may bring a small block below the one before it.
  for (let i = 1; i < points.length; i += 1) points[i]!.to = Math.max(points[i]!.to, points[i - 1]!.to)
  return { kind: 'isotonic', from: points.map(({ from }) => from), to: points.map(({ to }) => to) }
}

const newtonStepsMax = 100

/**
 * Platt 1999 with the targets of his paper, (n₊ + 1) / (n₊ + 2) and 1 / (n₋ + 2), by Newton's method with
 * halved steps (Lin, Lin & Weng 2007). The slope stays at 0 or above.
 */
export function fitPlatt(probabilities: ArrayLike<number>, labels: ArrayLike<number>): Calibration {
  const n = labels.length
  let positives = 0
  for (let i = 0; i < n; i += 1) positives += labels[i]!
  const high = (positives + 1) / (positives + 2)
  const low = 1 / (n - positives + 2)
  const z = Array.from({ length: n }, (_, i) => logit(probabilities[i]!))
  const loss = (slope: number, intercept: number): number => {
    let sum = 0
    for (let i = 0; i < n; i += 1) {
      const f = slope * z[i]! + intercept
      const target = labels[i] === 1 ? high : low
      sum += Math.max(f, 0) - f * target + Math.log1p(Math.exp(-Math.abs(f)))
    }
    return sum
  }
  let slope = 1
  let intercept = 0
  let current = loss(slope, intercept)
  for (let step = 0; step < newtonStepsMax; step += 1) {
    let [g1, g2, h11, h12, h22] = [0, 0, 1e-9, 0, 1e-9]
    for (let i = 0; i < n; i += 1) {
      const p = logistic(slope * z[i]! + intercept)
      const d = p - (labels[i] === 1 ? high : low)
      const w = p * (1 - p)
      g1 += d * z[i]!
      g2 += d
      h11 += w * z[i]! * z[i]!
      h12 += w * z[i]!
      h22 += w
    }
    if (Math.abs(g1) < 1e-9 * n && Math.abs(g2) < 1e-9 * n) break
    const det = h11 * h22 - h12 * h12
    const [ds, di] = [-(h22 * g1 - h12 * g2) / det, -(h11 * g2 - h12 * g1) / det]
    let size = 1
    while (size > 1e-10 && !(loss(slope + size * ds, intercept + size * di) < current)) size /= 2
    if (size <= 1e-10) break
    slope += size * ds
    intercept += size * di
    current = loss(slope, intercept)
  }
  if (slope >= 0) return { kind: 'platt', slope, intercept }
  return { kind: 'platt', slope: 0, intercept: logit(positives === 0 ? low : (positives + 1) / (n + 2)) }
}

function logit(p: number): number {
  const clipped = Math.min(1 - 1e-9, Math.max(1e-9, p))
  return Math.log(clipped / (1 - clipped))
}

function logistic(z: number): number {
  return 1 / (1 + Math.exp(-z))
}
