import type { Random } from '#contracts/random.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { crossFittedRegression } from '#statistics/off-policy/cross-fitted-regression.ts'
import { type EstimatorName, estimatePolicy } from '#statistics/off-policy/estimators.ts'
import { type LoggedDecisions, type PerAction, reduceToRows } from '#statistics/off-policy/logged-rows.ts'
import { importanceWeights } from '#statistics/off-policy/weights.ts'

/** A world of which the value of the target policy is known. */
export interface World {
  name: string
  n: number
  actionCount: number
  dimensions: number
  /** Response at the middle; each context and action moves its logit by about one. */
  baseRate: number
  /** How far the log, and the target, lean to what pays: softmax of the logit times this. */
  loggedLean: number
  targetLean: number
  /** Spread of the logarithm of what one response pays; 0: one unit each. */
  paySpread: number
}

export const worlds: World[] = [
  {
    name: 'everyday',
    n: 5_000,
    actionCount: 5,
    dimensions: 4,
    baseRate: 0.2,
    loggedLean: 0.3,
    targetLean: 1,
    paySpread: 0,
  },
  {
    name: 'many actions',
    n: 10_000,
    actionCount: 12,
    dimensions: 6,
    baseRate: 0.1,
    loggedLean: 0,
    targetLean: 1,
    paySpread: 0,
  },
  {
    name: 'rare',
    n: 20_000,
    actionCount: 6,
    dimensions: 4,
    baseRate: 0.02,
    loggedLean: 0.3,
    targetLean: 0.8,
    paySpread: 0,
  },
  {
    name: 'against the log',
    n: 20_000,
    actionCount: 4,
    dimensions: 3,
    baseRate: 0.3,
    loggedLean: 0.8,
    targetLean: -0.5,
    paySpread: 0,
  },
  {
    name: 'money',
    n: 20_000,
    actionCount: 3,
    dimensions: 5,
    baseRate: 0.1,
    loggedLean: 0.2,
    targetLean: 1,
    paySpread: 0.8,
  },
]

const contextCount = 64

/** Share of `runs` logs of a world in which each estimator's 95 % interval holds the true value. */
export function coverage(
  world: World,
  runs: number,
  seed: number,
  onRun: () => void,
): { truth: number; shares: Record<EstimatorName, number> } {
  const random = createSeededRandom(0x0b5e, seed)
  const made = makeWorld(world, random)
  const held = {} as Record<EstimatorName, number>
  for (let run = 0; run < runs; run += 1) {
    for (const { estimator, interval } of estimatesOfOneLog(world, made, random)) {
      const hit = interval.lower <= made.truth && made.truth <= interval.upper
      held[estimator] = (held[estimator] ?? 0) + (hit ? 1 : 0)
    }
    onRun()
  }
  const shares = Object.entries(held).map(([estimator, hits]) => [estimator, hits / runs])
  return { truth: made.truth, shares: Object.fromEntries(shares) }
}

interface MadeWorld {
  /** By context. */
  features: Float64Array[]
  rates: Float64Array[]
  logged: Float64Array[]
  target: Float64Array[]
  /** Mean pay of a response. */
  meanPay: number
  truth: number
}

/** 64 contexts, equally likely, so that the truth is a sum and not another estimate. */
function makeWorld(world: World, random: Random): MadeWorld {
  const { actionCount, dimensions, baseRate } = world
  const weights = Array.from({ length: actionCount }, () =>
    Float64Array.from({ length: dimensions }, () => normal(random) / Math.sqrt(dimensions)),
  )
  const features = Array.from({ length: contextCount }, () =>
    Float64Array.from({ length: dimensions }, () => normal(random)),
  )
  const base = Math.log(baseRate / (1 - baseRate))
  const gains = features.map((x) =>
    Float64Array.from(weights, (w) => x.reduce((sum, xi, i) => sum + xi * w[i]!, 0)),
  )
  const rates = gains.map((own) => own.map((gain) => 1 / (1 + Math.exp(-base - gain))))
  const logged = gains.map((own) => withFloor(softmax(own, world.loggedLean)))
  const target = gains.map((own) => softmax(own, world.targetLean))
  const meanPay = Math.exp(world.paySpread ** 2 / 2)
  let truth = 0
  for (const [context, own] of rates.entries()) {
    for (const [action, rate] of own.entries())
      truth += (target[context]![action]! * rate * meanPay) / contextCount
  }
  return { features, rates, logged, target, meanPay, truth }
}

function estimatesOfOneLog(world: World, made: MadeWorld, random: Random) {
  const { n, actionCount, dimensions, paySpread } = world
  const contexts = new Int32Array(n)
  const actions = new Int32Array(n)
  const rewards = new Float64Array(n)
  for (let row = 0; row < n; row += 1) {
    const context = Math.floor(random.next() * contextCount)
    const action = drawn(made.logged[context]!, random)
    contexts[row] = context
    actions[row] = action
    if (random.next() >= made.rates[context]![action]!) continue
    rewards[row] = paySpread === 0 ? 1 : Math.exp(paySpread * normal(random))
  }
  const log: LoggedDecisions = {
    n,
    actionCount,
    actionAt: (row) => actions[row]!,
    rewardAt: (row) => rewards[row]!,
    behaviourAt: (row, into) => into.set(made.logged[contexts[row]!]!),
  }
  const predict = crossFittedRegression({
    ...log,
    dimensions,
    featuresAt: (row, into) => into.set(made.features[contexts[row]!]!),
  })
  const target: PerAction = (row, into) => into.set(made.target[contexts[row]!]!)
  const reduced = reduceToRows(log, target, predict)
  if (reduced.kind === 'refused') throw new Error('a synthetic log lacks support')
  return estimatePolicy(reduced.rows, importanceWeights(reduced.rows))
}

function softmax(gains: Float64Array, lean: number): Float64Array {
  const shares = gains.map((gain) => Math.exp(gain * lean))
  const sum = shares.reduce((total, share) => total + share, 0)
  return shares.map((share) => share / sum)
}

/** As the product draws: .98 by the policy, .02 evenly. */
function withFloor(shares: Float64Array): Float64Array {
  return shares.map((share) => 0.98 * share + 0.02 / shares.length)
}

function drawn(shares: Float64Array, random: Random): number {
  let left = random.next()
  for (let i = 0; i < shares.length - 1; i += 1) {
    left -= shares[i]!
    if (left < 0) return i
  }
  return shares.length - 1
}

/** Box & Muller. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next())
}
