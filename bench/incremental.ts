import type { IncrementalJob } from './incremental/incremental-thread.ts'
import { type IncrementalResult, incrementalWorld } from './incremental/play-incremental.ts'
import { runJobs } from './threads/run-jobs.ts'
import { decisionsPerMinute } from './worlds/publishing-learner.ts'

/**
 * Choosing by what a message adds: 8 treatments, 4 segments that buy unprompted at 1 to 6 %, effects of −1 to +3
 * points and none in a quarter of the segments, a cost per send, 10 % held out, 80,000 decisions, with the
 * product's heads, snapshots, score, bound, inverse-gap weighting and floor. Which share of the oracle's profit
 * above sending nothing the last fifth of the decisions has, over 20 worlds; beside it, in the same worlds,
 * choosing by response probability alone.
 */
const seeds = 20
const shareMin = 0.9
const gainMin = 0.05

const jobs: IncrementalJob[] = [true, false].flatMap((incremental) =>
  Array.from({ length: seeds }, (_, seed) => ({ seed: seed + 1, incremental })),
)
const results = await runJobs<IncrementalResult>(
  'incremental',
  new URL('./incremental/incremental-thread.ts', import.meta.url),
  null,
  jobs,
)
const own = results.slice(0, seeds)
const alone = results.slice(seeds)
const share = mean(own.map((one) => one.share))
const shareAlone = mean(alone.map((one) => one.share))
console.log(`by what a message adds, by seed: ${own.map((one) => one.share.toFixed(2)).join(' ')}`)
console.log(`by P alone, by seed:             ${alone.map((one) => one.share.toFixed(2)).join(' ')}`)
console.log(
  JSON.stringify({
    bench: 'incremental',
    value: rounded(share),
    baseline: rounded(shareAlone),
    ratio: rounded(share / shareAlone),
    baseline_is: "share of the oracle's profit in the last fifth when chosen by response probability alone",
    gain: rounded(share - shareAlone),
    share_min: rounded(Math.min(...own.map((one) => one.share))),
    shares: own.map((one) => rounded(one.share)),
    shares_by_response_alone: alone.map((one) => rounded(one.share)),
    sends: rounded(mean(own.map((one) => one.sends))),
    sends_by_response_alone: rounded(mean(alone.map((one) => one.sends))),
    decisions_per_minute: decisionsPerMinute,
    world: incrementalWorld,
    generator: `xoshiro128** of src/platform/random, seeds (1..${seeds}, 13)`,
  }),
)
process.exitCode = share >= shareMin && share - shareAlone >= gainMin ? 0 : 1

function mean(numbers: number[]): number {
  return numbers.reduce((sum, value) => sum + value, 0) / numbers.length
}

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000
}
