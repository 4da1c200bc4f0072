import { describe, expect, it } from 'vitest'
import { policy } from '#decision/policies/thompson.ts'
import { createScoreSpread, logitDeviation, type ScoreSpread } from '#decision/score-spread.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'

const random = createSeededRandom(4, 2)

function gaussian(): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next())
}

/** How often each is drawn by sampling from the posteriors: what the quadrature must come to. */
function sampled(spread: ScoreSpread, candidates: number, runs: number): number[] {
  const wins = new Array<number>(candidates + 1).fill(0)
  for (let run = 0; run < runs; run += 1) {
    let best = candidates
    let bestScore = 0
    for (let a = 0; a < candidates; a += 1) {
      const logit = spread.logits[a]! + spread.deviations[a]! * gaussian()
      const p = 1 / (1 + Math.exp(-logit))
      const score = Math.max(0, p - spread.thresholds[a]!) * spread.worths[a]! - spread.costs[a]!
      if (score <= bestScore) continue
      best = a
      bestScore = score
    }
    wins[best]! += 1
  }
  return wins.map((each) => each / runs)
}

describe('Thompson sampling', () => {
  it('comes to what sampling from the posteriors comes to', () => {
    const spread = createScoreSpread(5)
    spread.logits.set([-3, -2.8, -2, 0, -3.5])
    spread.deviations.set([0.3, 0.5, 1, 0.05, 1.5])
    spread.thresholds.set([0.04, 0.05, 0.1, 0.49, 0.02])
    spread.worths.set([1, 1, 0.5, 1, 2])
    spread.costs.set([0.002, 0, 0.01, 0, 0.02])
    const p = new Float64Array(6)
    policy.write(p, { scores: new Float64Array(6), count: 6, t: 1, spread }, { kind: 'thompson', floor: 0 })
    const seen = sampled(spread, 5, 400_000)
    // 4 standard errors of a share of 400,000 draws are at most .0032.
    for (let a = 0; a < 6; a += 1) expect(Math.abs(p[a]! - seen[a]!)).toBeLessThan(0.004)
  })

  it('splits a tie of scores that are known exactly', () => {
    const spread = createScoreSpread(2)
    spread.logits.fill(1)
    spread.worths.fill(1)
    const p = new Float64Array(3)
    policy.write(p, { scores: new Float64Array(3), count: 3, t: 1, spread }, { kind: 'thompson', floor: 0 })
    expect(p[0]).toBeCloseTo(0.5, 3)
    expect(p[1]).toBeCloseTo(0.5, 3)
    expect(p[2]).toBeCloseTo(0, 9)
  })
})

describe('the deviation of a logit', () => {
  it('is √(xᵀPx) of the packed triangle, and |x| at the prior', () => {
    const x = Float64Array.of(1, 0, -2)
    // P = [[2, .5, .25], [.5, 3, .1], [.25, .1, 1]]: xᵀPx = 2 − 4·.25 + 4 = 5.
    expect(logitDeviation(Float64Array.of(2, 0.5, 3, 0.25, 0.1, 1), x)).toBeCloseTo(Math.sqrt(5), 12)
    expect(logitDeviation(undefined, x)).toBeCloseTo(Math.sqrt(5), 12)
  })
})
