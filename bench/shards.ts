import { parseArgs } from 'node:util'
import { streamSeed } from './bakeoff/play-bandit.ts'
import { readSets } from './bakeoff/read-sets.ts'
import { toBandit } from './bakeoff/to-bandit.ts'
import type { ShardErrors } from './shards/play-shards.ts'
import type { ShardsJob } from './shards/shards-thread.ts'
import { runJobs } from './threads/run-jobs.ts'

/**
 * Learning in partitions: where eight shards that merge their sums every 200 events in all end after 10,000
 * events, divided by where one node ends that learns from every event at once; eight that never merge beside
 * it. Where they end is the error over the last 2,000 of them. The progressive error over all 10,000 stands
 * beside it: it holds the cold start, in which a shard has 25 events before anybody tells it more.
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
  one_node: { shards: 1, mergeEvery: null },
  merged: { shards, mergeEvery },
  never_merged: { shards, mergeEvery: null },
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
  const [oneNode, merged, neverMerged] = [of('one_node'), of('merged'), of('never_merged')]
  const line = (kind: keyof ShardErrors): string =>
    `one node ${oneNode[kind].toFixed(4)}, merged ${merged[kind].toFixed(4)}, never merged ${neverMerged[kind].toFixed(4)}`
  console.log(`${name}, last ${lastEvents}: ${line('end')}`)
  console.log(`${name}, all ${events}: ${line('progressive')}`)
  return { name, oneNode, merged, neverMerged, ratio: merged.end / oneNode.end }
})
const worst = figures.reduce((a, b) => (b.ratio > a.ratio ? b : a))
console.log(
  JSON.stringify(
    {
      bench: 'shards',
      value: rounded(worst.merged.end),
      baseline: rounded(worst.oneNode.end),
      ratio: rounded(worst.ratio),
      baseline_is: `one node's error on ${worst.name}, the worse of the two sets, over the last ${lastEvents} of ${events} events; floor off`,
      shards,
      merge_every: mergeEvery,
      shuffles,
      generator: `xoshiro128** of src/platform/random, seeds (1..${shuffles}, ${streamSeed})`,
      sets: Object.fromEntries(
        figures.map(({ name, oneNode, merged, neverMerged, ratio }) => [
          name,
          {
            end: { oneNode: oneNode.end, merged: merged.end, neverMerged: neverMerged.end, ratio },
            progressive: {
              oneNode: oneNode.progressive,
              merged: merged.progressive,
              neverMerged: neverMerged.progressive,
              ratio: merged.progressive / oneNode.progressive,
            },
          },
        ]),
      ),
    },
    (_, value: unknown) => (typeof value === 'number' ? rounded(value) : value),
  ),
)
process.exitCode = worst.ratio <= ratioMax ? 0 : 1

function mean(numbers: number[]): number {
  return numbers.reduce((sum, value) => sum + value, 0) / numbers.length
}

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000
}
