import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Interval } from '#statistics/difference.ts'
import { estimatePolicy, type PolicyEstimate } from '#statistics/off-policy/estimators.ts'
import { evaluateRows, type PolicyEvaluation } from '#statistics/off-policy/evaluate-policy.ts'
import { type LoggedRows, type PerAction, reduceToRows } from '#statistics/off-policy/logged-rows.ts'
import { policyDifference } from '#statistics/off-policy/policy-difference.ts'
import { importanceWeights } from '#statistics/off-policy/weights.ts'
import type { DecisionLog } from './decision-log.ts'

/** What a log says of a target policy, beside what it did itself. */
export interface LogEvaluation {
  decisions: number
  /** The logging policy's own mean reward. */
  /** Null below two decisions. */
  logged: { value: number; interval: Interval } | null
  evaluation: PolicyEvaluation
  /** DR(target − logged); null where the evaluation is refused. */
  gain: { value: number; interval: Interval } | null
  /** Null where refused too; else each action alone, by DR. */
  constants: { action: string; drawn: number; effectiveRows: number; estimate: PolicyEstimate }[]
}

/** The rows of each policy over one log, as the promotion gate takes them. */
export interface ComparedRows {
  candidate:
    | { kind: 'rows'; rows: LoggedRows }
    | Extract<ReturnType<typeof reduceToRows>, { kind: 'refused' }>
  constants: { name: string; rows: LoggedRows }[]
}

/**
 * Lets others in the thread have a turn between two policies. `otherwise`: what a constant policy does where
 * its action was not to be had.
 */
export async function evaluateLog(
  log: DecisionLog,
  target: PerAction,
  otherwise: string,
): Promise<LogEvaluation> {
  const predict = log.predict()
  await nextTurn()
  const own = rowsOf(log, log.logged.behaviourAt, predict)
  await nextTurn()
  const candidate = reduceToRows(log.logged, target, predict)
  const evaluation = candidate.kind === 'refused' ? candidate : evaluateRows(candidate.rows)
  await nextTurn()
  const isJudged = candidate.kind === 'rows' && evaluation.kind === 'evaluated'
  return {
    decisions: log.n,
    logged: log.n < 2 ? null : summaryOf(own, 'snips'),
    evaluation,
    gain: isJudged ? differenceOf(candidate.rows, own) : null,
    constants: (await constantRows(log, predict, otherwise)).flatMap(({ name, rows }) => {
      const judged = evaluateRows(rows)
      const estimate =
        judged.kind === 'evaluated' && judged.estimates.find(({ estimator }) => estimator === 'dr')
      if (judged.kind === 'refused' || !estimate) return []
      const { effectiveRows } = judged.weights
      return [{ action: name, drawn: timesDrawn(log, name), effectiveRows, estimate }]
    }),
  }
}

/** For the promotion gate. */
export async function comparedRows(
  log: DecisionLog,
  target: PerAction,
  otherwise: string,
): Promise<ComparedRows> {
  const predict = log.predict()
  return {
    candidate: reduceToRows(log.logged, target, predict),
    constants: await constantRows(log, predict, otherwise),
  }
}

async function constantRows(
  log: DecisionLog,
  predict: PerAction,
  otherwise: string,
): Promise<{ name: string; rows: LoggedRows }[]> {
  const constants: { name: string; rows: LoggedRows }[] = []
  for (const name of log.actions) {
    constants.push({ name, rows: rowsOf(log, log.always(name, otherwise), predict) })
    await nextTurn()
  }
  return constants
}

/** Of a policy that stays within what the log could draw. */
function rowsOf(log: DecisionLog, policy: PerAction, predict: PerAction): LoggedRows {
  const reduced = reduceToRows(log.logged, policy, predict)
  if (reduced.kind === 'rows') return reduced.rows
  throw new Error(`a policy of the log's own actions is ${reduced.refusals[0]?.reason}`)
}

function summaryOf(rows: LoggedRows, estimator: PolicyEstimate['estimator']) {
  const estimates = estimatePolicy(rows, importanceWeights(rows))
  const { value, interval } = estimates.find((own) => own.estimator === estimator)!
  return { value, interval }
}

function differenceOf(candidate: LoggedRows, own: LoggedRows) {
  const { estimate, interval } = policyDifference(candidate, own)
  return { value: estimate, interval }
}

function timesDrawn({ n, actions, logged }: DecisionLog, name: string): number {
  const index = actions.indexOf(name)
  let count = 0
  for (let row = 0; row < n; row += 1) if (logged.actionAt(row) === index) count += 1
  return count
}
