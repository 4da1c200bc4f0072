import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fillFolder, openFreshWorker } from './scale/fresh-worker.ts'

/**
 * What a trigger costs from its append to the log to its committed decision record, with a million customers
 * over that with a hundred thousand: a shop's campaign of eight treatments with budget, caps, quiet hours
 * and holdout, customers drawn at random, a worker that has cached nothing, both files on disk with every
 * sync. The two stores take turns, so that a slow minute of the machine hits both; medians over rounds.
 */
const CUSTOMERS = 1_000_000
const CUSTOMERS_BASELINE = 100_000
const ROUNDS = 60
/** While the code warms up. It is the same for both: what is cold in a store stays cold. */
const WARM_UP_ROUNDS = 10
const EVENTS_PER_ROUND = 200
const RATIO_MAX = 1.25

const folder = mkdtempSync(join(process.env.STARLING_BENCH_DIR ?? process.cwd(), '.bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
process.on('SIGINT', () => process.exit(130))
process.on('SIGTERM', () => process.exit(143))

const startedAt = performance.now()
await fillFolder(join(folder, 'small'), CUSTOMERS_BASELINE)
await fillFolder(join(folder, 'large'), CUSTOMERS)
const filledAt = performance.now()
const small = await openFreshWorker(join(folder, 'small'), CUSTOMERS_BASELINE)
const large = await openFreshWorker(join(folder, 'large'), CUSTOMERS)
console.error(`filled both stores in ${Math.round((filledAt - startedAt) / 1000)} s`)

const smallUs: number[] = []
const largeUs: number[] = []
for (let round = 0; round < ROUNDS; round += 1) {
  const turns = [
    async () => smallUs.push(((await small.round(EVENTS_PER_ROUND)) * 1000) / EVENTS_PER_ROUND),
    async () => largeUs.push(((await large.round(EVENTS_PER_ROUND)) * 1000) / EVENTS_PER_ROUND),
  ]
  for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn()
}
const decisions = [await small.decisions(), await large.decisions()]
await small.close()
await large.close()

const value = median(largeUs.slice(WARM_UP_ROUNDS))
const baseline = median(smallUs.slice(WARM_UP_ROUNDS))
const ratio = value / baseline
const means = [mean(largeUs.slice(WARM_UP_ROUNDS)), mean(smallUs.slice(WARM_UP_ROUNDS))] as const
console.error(
  `means, checkpoints and all: ${Math.round(means[0])} and ${Math.round(means[1])} µs, ratio ${(means[0] / means[1]).toFixed(3)}`,
)
console.log(
  JSON.stringify({
    bench: 'scale',
    value: Math.round(value),
    baseline: Math.round(baseline),
    ratio: Number(ratio.toFixed(3)),
    baseline_is: `µs from trigger to committed record with ${CUSTOMERS_BASELINE} customers; the value is with ${CUSTOMERS}`,
  }),
)
const decided = decisions.every((count) => count === ROUNDS * EVENTS_PER_ROUND)
if (!decided) console.error(`decisions in the stores: ${decisions.join(' and ')}`)
process.exitCode = ratio <= RATIO_MAX && decided ? 0 : 1

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
