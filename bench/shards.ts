import { parseArgs } from 'node:util'
import { streamSeed } from './bakeoff/play-bandit.ts'
import { readSets } from './bakeoff/read-sets.ts'
import { toBandit } from './bakeoff/to-bandit.ts'
import type { ShardErrors } from './shards/play-shards.ts'
import type { ShardsJob } from './shards/shards-thread.ts'
import { runJobs } from './threads/run-jobs.ts'

/**
 * Learning in partitions: the error of eight shards that merge their sums every 200 events in all, after 10,000
 * events, divided by that of one node that publishes every 200. Both decide by what was published last, as the
 * product does. Two errors, and both must hold: the progressive one over all 10,000, and that of the last 2,000,
 * without the cold start. Beside it (`at_once`) the same where everybody decides by all he knows, one node by
 * every event so far and a shard by what was merged and its own since; and shards that never merge.
 */
const setNames = ['letter', 'pendigits']
const events = 10_000
const lastEvents = 2_000
const shards = 8
const mergeEvery = 200
const shuffles = 20
const ratioMax = 1.05

const { values } = parseArgs({ options: { data: { type: 'string', default: '../shared/data/bandit' } } })
const sets = readSets(values.data, setNames).map((set) => toBandit(set, Number.POSITIVE_INFINITY, () => 0))
if (sets.length !== setNames.length || sets.some((set) => set.rows < events)) {
  console.error(`${values.data} needs ${setNames.join(' and ')} of at least ${events} rows each`)
  process.exit(66)
}
const modes = {
  oneNode: { shards: 1, mergeEvery, bySnapshot: true },
  merged: { shards, mergeEvery, bySnapshot: true },
  oneNodeAtOnce: { shards: 1, mergeEvery: null, bySnapshot: false },
  mergedAtOnce: { shards, mergeEvery, bySnapshot: false },
  neverMerged: { shards, mergeEvery: null, bySnapshot: false },
}
type Mode = keyof typeof modes
const modeNames = Object.keys(modes) as Mode[]
const jobs = sets.flatMap((_, set) =>
  modeNames.flatMap((mode) =>
    Array.from({ length: shuffles }, (_unused, shuffle) => ({ mode, set, shuffle: shuffle + 1 })),
  ),
)
const errors = await runJobs<ShardErrors>(
  'shards',
  new URL('./shards/shards-thread.ts', import.meta.url),
  sets,
  jobs.map(({ mode, set, shuffle }): ShardsJob => ({ ...modes[mode], set, shuffle, events, lastEvents })),
)

const figures = sets.map(({ name }, set) => {
  const of = (mode: Mode): ShardErrors => {
    const own = errors.filter((_, job) => jobs[job]!.set === set && jobs[job]!.mode === mode)
    return { end: mean(own.map(({ end }) => end)), progressive: mean(own.map((one) => one.progressive)) }
  }
  const byMode = Object.fromEntries(modeNames.map((mode) => [mode, of(mode)])) as Record<Mode, ShardErrors>
  for (const mode of modeNames) {
    const { progressive, end } = byMode[mode]
    console.log(`${name}, ${mode}: ${progressive.toFixed(4)}, of the last ${lastEvents} ${end.toFixed(4)}`)
  }
  const ratio = ratiosOf(byMode.merged, byMode.oneNode)
  return { name, byMode, ratio, atOnce: ratiosOf(byMode.mergedAtOnce, byMode.oneNodeAtOnce) }
})
const worst = figures.reduce((a, b) => (worse(b.ratio) > worse(a.ratio) ? b : a))
console.log(
  JSON.stringify(
    {
      bench: 'shards',
      value: worst.byMode.merged.progressive,
      baseline: worst.byMode.oneNode.progressive,
      ratio: worse(worst.ratio),
      baseline_is: `one node that publishes every ${mergeEvery} events: its error over ${events} events of ${worst.name}, the worse of the two sets; floor off`,
      shards,
      merge_every: mergeEvery,
      shuffles,
      generator: `xoshiro128** of src/platform/random, seeds (1..${shuffles}, ${streamSeed})`,
      sets: Object.fromEntries(
        figures.map(({ name, byMode, ratio, atOnce }) => [name, { ratio, at_once: atOnce, ...byMode }]),
      ),
    },
    (_, value: unknown) => (typeof value === 'number' ? rounded(value) : value),
  ),
)
process.exitCode = worse(worst.ratio) <= ratioMax ? 0 : 1

function ratiosOf(merged: ShardErrors, oneNode: ShardErrors): ShardErrors {
  return { progressive: merged.progressive / oneNode.progressive, end: merged.end / oneNode.end }
}

function worse({ progressive, end }: ShardErrors): number {
  return Math.max(progressive, end)
}

function mean(numbers: number[]): number {
  return numbers.reduce((sum, value) => sum + value, 0) / numbers.length
}

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000
}
