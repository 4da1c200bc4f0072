import { parseArgs } from 'node:util'
import { Presets, SingleBar } from 'cli-progress'
import { type EstimatorName, estimatePolicy } from '#statistics/off-policy/estimators.ts'
import { evaluatePolicy, type PolicyEvaluation } from '#statistics/off-policy/evaluate-policy.ts'
import type { PerAction } from '#statistics/off-policy/logged-rows.ts'
import { describeRefusal } from '#statistics/off-policy/refusal.ts'
import { importanceWeights, summarizeWeights } from '#statistics/off-policy/weights.ts'
import { toyEffectiveRows, toyRows, toySettings, toyValues } from '../test/unit/statistics/off-policy/toy.ts'
import { coverage, worlds } from './ope/coverage.ts'
import {
  campaignsIn,
  clickModel,
  loggedDecisions,
  meanPropensities,
  type OpenBanditLog,
  readLog,
} from './ope/open-bandit.ts'

/**
 * Off-policy evaluation against what is known otherwise: the value of Open Bandit's BTS policy from the random
 * policy's log against the mean of its own log, a table worked out by hand, and how often the 95 % intervals
 * hold the truth of synthetic worlds. `value` is the coverage farthest from .95, of the estimators that
 * promise one (IPS, SNIPS, DR, SNDR), over all worlds.
 */
const { data } = parseArgs({ options: { data: { type: 'string' } } }).values
if (data === undefined) {
  console.error(
    'usage: npm run -s bench -- ope --data FOLDER, with random_NAME.csv and bts_NAME.csv of Open Bandit',
  )
  process.exit(64)
}
const runs = 1_000
const coverageMin = 0.93
const coverageMax = 0.97
const promising: EstimatorName[] = ['ips', 'snips', 'dr', 'sndr']

const toyError = toyErrorMax()
console.log(`toy table: farthest from it ${toyError.toExponential(1)}`)
const campaigns = campaignsIn(data).map((campaign) => compareCampaign(data, campaign))
const covered = coverAll()
const farthest = covered
  .flatMap(({ shares }) => promising.map((name) => shares[name]))
  .reduce((worst, share) => (Math.abs(share - 0.95) > Math.abs(worst - 0.95) ? share : worst), 0.95)
const holds =
  toyError < 1e-9 &&
  campaigns.length > 0 &&
  campaigns.every(({ holds }) => holds) &&
  covered.every(({ shares }) =>
    promising.every((name) => shares[name] >= coverageMin && shares[name] <= coverageMax),
  )
console.log(
  JSON.stringify({
    bench: 'ope',
    value: round(farthest),
    baseline: 0.95,
    ratio: round(farthest / 0.95),
    baseline_is: 'the coverage that a 95 % interval promises',
    holds,
    toyError,
    campaigns: campaigns.map(({ holds: _, ...campaign }) => campaign),
    runs,
    coverage: Object.fromEntries(
      covered.map(({ name, n, truth, shares }) => [name, { n, truth: round(truth), ...shares }]),
    ),
  }),
)
process.exitCode = holds ? 0 : 1

function toyErrorMax(): number {
  const weights = importanceWeights(toyRows)
  const errors = estimatePolicy(toyRows, weights, toySettings).map(({ estimator, value }) =>
    Math.abs(value - toyValues[estimator]),
  )
  return Math.max(...errors, Math.abs(summarizeWeights(weights).effectiveRows - toyEffectiveRows))
}

function compareCampaign(folder: string, campaign: string) {
  const random = readLog(folder, 'random', campaign)
  const bts = readLog(folder, 'bts', campaign)
  const itemCount = Math.max(...random.items, ...bts.items) + 1
  const onPolicy = bts.clicks.reduce((sum, click) => sum + click, 0) / bts.n
  const shares = meanPropensities(bts, itemCount)
  const target: PerAction = (row, into) => into.set(shares[random.positions[row]!]!)
  const evaluation = evaluatePolicy(loggedDecisions(random, itemCount), target, clickModel(random, itemCount))
  console.log(`\n${campaign}: value of bts from the random log; on-policy mean ${onPolicy}`)
  showEvaluation(evaluation)
  const within = (name: EstimatorName): boolean => {
    if (evaluation.kind === 'refused') return false
    const { lower, upper } = evaluation.estimates.find(({ estimator }) => estimator === name)!.interval
    return lower <= onPolicy && onPolicy <= upper
  }
  const refused = refusals(random, bts, itemCount)
  return {
    campaign,
    onPolicy,
    evaluation: evaluation.kind === 'refused' ? evaluation : withNames(evaluation),
    refused,
    holds: within('dr') && within('snips') && refused.unlogged.includes('no_support'),
  }
}

/** Targets that the logs cannot judge, with the reasons given. */
function refusals(random: OpenBanditLog, bts: OpenBanditLog, itemCount: number) {
  // One more item than was ever shown: a tenth of the target's mass.
  const unlogged: PerAction = (_row, into) => {
    into.fill(0.9 / itemCount)
    into[itemCount] = 0.1
  }
  const uniform: PerAction = (_row, into) => into.fill(1 / itemCount)
  const single: PerAction = (_row, into) => {
    into.fill(0)
    into[0] = 1
  }
  const none: PerAction = (_row, into) => into.fill(0)
  const reasonsOf = (what: string, evaluation: PolicyEvaluation): string[] => {
    const reasons = evaluation.kind === 'refused' ? evaluation.refusals : []
    const text = reasons.length === 0 ? 'is judged' : `refused: ${reasons.map(describeRefusal).join('; ')}`
    console.log(`${what}: ${text}`)
    return reasons.map(({ reason }) => reason)
  }
  return {
    unlogged: reasonsOf(
      'an item that was never logged',
      evaluatePolicy(loggedDecisions(random, itemCount + 1), unlogged, none),
    ),
    always0: reasonsOf('always item 0', evaluatePolicy(loggedDecisions(random, itemCount), single, none)),
    uniformFromBts: reasonsOf(
      'uniform, from the bts log',
      evaluatePolicy(loggedDecisions(bts, itemCount), uniform, none),
    ),
  }
}

function showEvaluation(evaluation: PolicyEvaluation): void {
  if (evaluation.kind === 'refused') {
    console.log(`refused: ${evaluation.refusals.map(describeRefusal).join('; ')}`)
    return
  }
  const { n, effectiveRows, mean, largest } = evaluation.weights
  console.log(
    `n ${n}, ESS ${effectiveRows.toFixed(1)}, mean weight ${mean.toFixed(4)}, largest ${largest.toFixed(3)}`,
  )
  for (const { estimator, value, interval } of evaluation.estimates) {
    const { lower, upper } = interval
    console.log(`${estimator.padEnd(14)} ${value.toFixed(6)} [${lower.toFixed(6)}, ${upper.toFixed(6)}]`)
  }
}

function withNames({ weights, estimates }: Extract<PolicyEvaluation, { kind: 'evaluated' }>) {
  return {
    weights,
    estimates: Object.fromEntries(
      estimates.map(({ estimator, value, interval }) => [
        estimator,
        [value, interval.lower, interval.upper].map(round),
      ]),
    ),
  }
}

function coverAll() {
  console.log(`\ncoverage of the 95 % intervals, ${runs} logs a world`)
  const bar = new SingleBar({ clearOnComplete: true }, Presets.shades_classic)
  bar.start(worlds.length * runs, 0)
  const covered = worlds.map((world, seed) => ({
    ...world,
    ...coverage(world, runs, seed, () => bar.increment()),
  }))
  bar.stop()
  for (const { name, shares } of covered) {
    const rounded = Object.entries(shares).map(([estimator, share]) => `${estimator} ${share.toFixed(3)}`)
    console.log(`${name.padEnd(16)} ${rounded.join('  ')}`)
  }
  return covered
}

function round(value: number): number {
  return Number(value.toPrecision(6))
}
