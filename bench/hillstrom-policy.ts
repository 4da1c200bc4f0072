import { parseArgs } from 'node:util'
import { Presets, SingleBar } from 'cli-progress'
import type { PolicySnapshot } from '#contracts/decision.ts'
import { type GateVerdict, gateSettingsDefault, promotionGate } from '#learning/promotion-gate.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { normalCdf } from '#statistics/distributions.ts'
import { holm } from '#statistics/many-comparisons.ts'
import { emptyRows, type LoggedRows } from '#statistics/off-policy/logged-rows.ts'
import { policyDifference } from '#statistics/off-policy/policy-difference.ts'
import { actions, featuresOf, mensIndex, readCustomers } from './hillstrom-policy/customers.ts'
import { type Judged, judge, learn } from './hillstrom-policy/engine.ts'

/**
 * Does the learned policy do no harm? MineThatData's e-mail challenge has next to nothing to gain by choosing
 * per customer, and a naive learner loses to "always the men's e-mail". Over 20 splits and three goals: the
 * product's heads learn from one half; its rule takes their choice by score where the promotion gate passes
 * on that half, cross-fitted over five folds, and the half's best constant action where not. The other half,
 * whose arms are random, judges it against always the men's e-mail by DR. `value` is the mean gain on visits,
 * in visits per customer; `baseline` what always the men's e-mail yields.
 *
 * The naive learner (greedy by raw response, no gate) of conversions meets the same gate on the other half,
 * which it has not seen: it must be refused in every split.
 */
const { data } = parseArgs({ options: { data: { type: 'string' } } }).values
if (data === undefined) {
  console.error('usage: npm run -s bench -- hillstrom-policy --data FILE.csv')
  process.exit(64)
}
const splits = 20
const folds = 5
const alpha = 0.05
const customers = await readCustomers(data)
const armShares = actions.map(
  (_, action) => customers.arms.filter((arm) => arm === action).length / customers.n,
)
/** `responses` teach the heads; `rewards` judge. A purchase is learned from as such and worth the mean purchase. */
const goals = [
  { name: 'visit', responses: customers.visits, rewards: customers.visits },
  { name: 'conversion', responses: customers.conversions, rewards: customers.conversions },
  { name: 'spend', responses: customers.conversions, rewards: customers.spends },
] as const
type Goal = (typeof goals)[number]

interface Outcome {
  goal: Goal['name']
  gate: GateVerdict
  /** What the product would do with everybody else. */
  plays: string
  /** Against always the men's e-mail, on the other half. */
  gain: number
  standardError: number
  pBelow: number
  mens: number
  naiveGain: number
  naiveGate: GateVerdict
}

const bar = new SingleBar({ clearOnComplete: true }, Presets.shades_classic)
bar.start(splits * 2, 0)
const outcomes: Outcome[] = []
for (let split = 0; split < splits; split += 1) {
  const order = shuffled(customers.n, split)
  const half = customers.n >> 1
  const training = order.subarray(0, half)
  const rest = order.subarray(half)
  for (const responses of [customers.visits, customers.conversions]) {
    const judged = learnAndJudge(responses, training, rest)
    for (const goal of goals) if (goal.responses === responses) outcomes.push(playSplit(goal, judged))
    bar.increment()
  }
}
bar.stop()

const adjusted = holm(outcomes.map(({ pBelow }) => pBelow))
const below = adjusted.filter((p) => p < alpha).length
const naiveOnConversion = outcomes.filter(({ goal }) => goal === 'conversion')
const naiveRefused = naiveOnConversion.filter(({ naiveGate }) => naiveGate.kind === 'refused').length
const summaries = Object.fromEntries(goals.map(({ name }) => [name, summarize(name)]))
console.table(summaries)
const holds = below === 0 && naiveRefused === splits
const visits = outcomes.filter(({ goal }) => goal === 'visit')
const value = meanOf(visits.map(({ gain }) => gain))
const baseline = meanOf(visits.map(({ mens }) => mens))
console.log(
  JSON.stringify({
    bench: 'hillstrom-policy',
    value: rounded(value),
    baseline: rounded(baseline),
    ratio: rounded((baseline + value) / baseline),
    baseline_is: 'visits per customer of always the men’s e-mail, on the half not learned from',
    holds,
    splits,
    tests: outcomes.length,
    significantlyBelow: below,
    smallestHolmP: rounded(Math.min(...adjusted)),
    gate: { ...gateSettingsDefault, delta: 'lossMaxShare × value of the best constant action' },
    naiveConversion: { refused: naiveRefused, of: splits, delta: naiveDelta() },
    goals: summaries,
  }),
)
process.exitCode = holds ? 0 : 1

/** Customers with what the engine makes of each, by heads that have not seen them. */
interface Half {
  rows: Int32Array
  judged: Judged[]
}

/** The training half is judged cross-fitted, the rest by heads that learned from all of the training half. */
function learnAndJudge(responses: Float64Array, training: Int32Array, rest: Int32Array) {
  const crossFitted = Array.from({ length: folds }, (_, fold) =>
    learn(
      customers,
      training.filter((_, i) => i % folds !== fold),
      responses,
    ),
  )
  const learned = learn(customers, training, responses)
  const judgeAll = (rows: Int32Array, snapshotAt: (i: number) => PolicySnapshot): Half => ({
    rows,
    judged: Array.from(rows, (row, i) => judge(snapshotAt(i), featuresOf(customers, row))),
  })
  return { training: judgeAll(training, (i) => crossFitted[i % folds]!), rest: judgeAll(rest, () => learned) }
}

function playSplit(goal: Goal, { training, rest }: { training: Half; rest: Half }): Outcome {
  const pay = payOf(goal, training.rows)
  // What the product learns from is a response of a certain worth, not the amount of each purchase.
  const onTraining = policiesOn(training, (row) => goal.responses[row]! * pay, pay)
  const gate = promotionGate(onTraining.byScore, onTraining.constants)
  const onRest = policiesOn(rest, (row) => goal.rewards[row]!, pay)
  const mens = onRest.constants[mensIndex]!.rows
  const best = gate.figures?.bestConstant?.name ?? 'mens'
  const played =
    gate.kind === 'passed' ? onRest.byScore : onRest.constants.find(({ name }) => name === best)!.rows
  const { estimate, standardError, statistic } = policyDifference(played, mens)
  return {
    goal: goal.name,
    gate,
    plays: gate.kind === 'passed' ? 'learned' : best,
    gain: estimate,
    standardError,
    // One-sided; 1 where both do the same.
    pBelow: standardError === 0 ? 1 : normalCdf(statistic),
    mens: meanOfArm(goal, rest.rows, mensIndex),
    naiveGain: policyDifference(onRest.byResponse, mens).estimate,
    naiveGate: promotionGate(onRest.byResponse, onRest.constants),
  }
}

/** Over the random arms of these customers: the choice by score, by raw response, and each constant action. */
function policiesOn({ rows, judged }: Half, rewardOf: (row: number) => number, pay: number) {
  const byScore = emptyRows(rows.length)
  const byResponse = emptyRows(rows.length)
  const constants = actions.map((name) => ({ name, rows: emptyRows(rows.length) }))
  for (const [i, row] of rows.entries()) {
    const { responses, byScore: scored, byResponse: naive } = judged[i]!
    const arm = customers.arms[row]!
    const write = (into: LoggedRows, choice: number): void => {
      into.rewards[i] = rewardOf(row)
      into.logged[i] = armShares[arm]!
      into.target[i] = arm === choice ? 1 : 0
      into.predicted[i] = responses[arm]! * pay
      into.predictedTarget[i] = responses[choice]! * pay
    }
    write(byScore, scored)
    write(byResponse, naive)
    for (const [action, { rows: own }] of constants.entries()) write(own, action)
  }
  return { byScore, byResponse, constants }
}

/** What a response pays on average. */
function payOf(goal: Goal, rows: Int32Array): number {
  let responses = 0
  let rewards = 0
  for (const row of rows) {
    responses += goal.responses[row]!
    rewards += goal.rewards[row]!
  }
  return responses === 0 ? 0 : rewards / responses
}

function meanOfArm(goal: Goal, rows: Int32Array, action: number): number {
  return meanOf([...rows].filter((row) => customers.arms[row] === action).map((row) => goal.rewards[row]!))
}

function summarize(name: Goal['name']) {
  const own = outcomes.filter(({ goal }) => goal === name)
  const deltas = own.flatMap(({ gate }) => gate.figures?.delta ?? [])
  return {
    mens: rounded(meanOf(own.map(({ mens }) => mens))),
    meanGain: rounded(meanOf(own.map(({ gain }) => gain))),
    worstGain: rounded(Math.min(...own.map(({ gain }) => gain))),
    smallestP: rounded(Math.min(...own.map(({ pBelow }) => pBelow))),
    gatePassed: own.filter(({ gate }) => gate.kind === 'passed').length,
    playsMens: own.filter(({ plays }) => plays === 'mens').length,
    meanDelta: rounded(meanOf(deltas)),
    naiveMeanGain: rounded(meanOf(own.map(({ naiveGain }) => naiveGain))),
    naiveRefused: own.filter(({ naiveGate }) => naiveGate.kind === 'refused').length,
  }
}

function naiveDelta(): number {
  return rounded(meanOf(naiveOnConversion.flatMap(({ naiveGate }) => naiveGate.figures?.delta ?? [])))
}

/** Fisher & Yates, seeded by the split. */
function shuffled(n: number, split: number): Int32Array {
  const random = createSeededRandom(0x4111, split)
  const order = Int32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i -= 1) {
    const j = Math.floor(random.next() * (i + 1))
    const kept = order[i]!
    order[i] = order[j]!
    order[j] = kept
  }
  return order
}

function meanOf(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function rounded(value: number): number {
  return Number(value.toPrecision(4))
}
