import { crossFittedRegression } from '#statistics/off-policy/cross-fitted-regression.ts'
import type { LoggedDecisions, PerAction } from '#statistics/off-policy/logged-rows.ts'

/** One logged decision, with what a target policy would have done in its place. */
export interface LoggedDecision {
  /** Decisions of one customer are no independent witnesses: q̂ keeps them in one fold. */
  customer: string
  features: Float64Array
  /** Name of the action drawn. */
  drawn: string
  reward: number
  /** All that could be drawn by the log or by the target, with both probabilities. */
  actions: { name: string; logged: number; target: number }[]
}

/** Decisions in columns: a row is its features and a few numbers per action. */
export interface DecisionLog {
  readonly n: number
  readonly actions: readonly string[]
  readonly logged: LoggedDecisions
  /** π_e as it was added. */
  readonly target: PerAction
  /** Always this action; where it was not to be had, `otherwise`; where that was not either, as logged. */
  always(action: string, otherwise: string): PerAction
  /** Each action that could be drawn, equally. */
  readonly uniform: PerAction
  /** q̂(x, a), cross-fitted by customer. */
  predict(): PerAction
}

/** Gathers decisions one by one; all must have features of one length. */
export function createDecisionLog(dimensions: number): {
  add(decision: LoggedDecision): void
  build(): DecisionLog
} {
  const actions = new Map<string, number>()
  const customers = new Map<string, number>()
  const features = growing()
  const rewards = growing()
  const drawn = growing()
  const groups = growing()
  // Of row i: from starts[i] on, three numbers for each of its actions.
  const starts = growing()
  const cells = growing()
  const indexIn = (names: Map<string, number>, name: string): number => {
    const known = names.get(name)
    if (known !== undefined) return known
    names.set(name, names.size)
    return names.size - 1
  }
  return {
    add(decision) {
      if (decision.features.length !== dimensions) {
        throw new RangeError(`${decision.features.length} features, not ${dimensions}`)
      }
      for (const feature of decision.features) features.push(feature)
      rewards.push(decision.reward)
      drawn.push(indexIn(actions, decision.drawn))
      groups.push(indexIn(customers, decision.customer))
      starts.push(cells.length())
      for (const { name, logged, target } of decision.actions) {
        cells.push(indexIn(actions, name))
        cells.push(logged)
        cells.push(target)
      }
    },
    build() {
      starts.push(cells.length())
      const columns = {
        features: features.values(),
        rewards: rewards.values(),
        drawn: drawn.values(),
        groups: groups.values(),
        starts: starts.values(),
        cells: cells.values(),
      }
      return decisionLogOf(columns, [...actions.keys()], dimensions)
    },
  }
}

interface Columns {
  features: Float64Array
  rewards: Float64Array
  drawn: Float64Array
  groups: Float64Array
  starts: Float64Array
  cells: Float64Array
}

const cellSize = 3

function decisionLogOf(columns: Columns, actions: string[], dimensions: number): DecisionLog {
  const { rewards, drawn, starts, cells } = columns
  const n = rewards.length
  const eachCell = (row: number, visit: (action: number, logged: number, target: number) => void): void => {
    for (let at = starts[row]!; at < starts[row + 1]!; at += cellSize) {
      visit(cells[at]!, cells[at + 1]!, cells[at + 2]!)
    }
  }
  const logged: LoggedDecisions = {
    n,
    actionCount: actions.length,
    actionAt: (row) => drawn[row]!,
    rewardAt: (row) => rewards[row]!,
    behaviourAt(row, into) {
      into.fill(0)
      eachCell(row, (action, probability) => {
        into[action] = probability
      })
    },
  }
  return {
    n,
    actions,
    logged,
    target(row, into) {
      into.fill(0)
      eachCell(row, (action, _logged, target) => {
        into[action] = target
      })
    },
    always(action, otherwise) {
      const wanted = [actions.indexOf(action), actions.indexOf(otherwise)]
      return (row, into) => {
        logged.behaviourAt(row, into)
        const taken = wanted.find((index) => index >= 0 && into[index]! > 0)
        if (taken === undefined) return
        into.fill(0)
        into[taken] = 1
      }
    },
    uniform(row, into) {
      logged.behaviourAt(row, into)
      let count = 0
      for (const probability of into) if (probability > 0) count += 1
      for (let a = 0; a < into.length; a += 1) into[a] = into[a]! > 0 ? 1 / count : 0
    },
    predict() {
      const fitted = crossFittedRegression({
        ...logged,
        dimensions,
        featuresAt(row, into) {
          into.set(columns.features.subarray(row * dimensions, (row + 1) * dimensions))
        },
        groupAt: (row) => columns.groups[row]!,
      })
      // Worked out once: every policy that is compared reads them again.
      const count = actions.length
      const predictions = new Float64Array(n * count)
      for (let row = 0; row < n; row += 1) fitted(row, predictions.subarray(row * count, (row + 1) * count))
      return (row, into) => into.set(predictions.subarray(row * count, (row + 1) * count))
    },
  }
}

/** Numbers one after the other, in memory that doubles. */
function growing() {
  let memory = new Float64Array(1024)
  let used = 0
  return {
    length: () => used,
    push(value: number): void {
      if (used === memory.length) {
        const larger = new Float64Array(memory.length * 2)
        larger.set(memory)
        memory = larger
      }
      memory[used] = value
      used += 1
    },
    values: () => memory.subarray(0, used),
  }
}
