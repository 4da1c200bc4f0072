import type { LowrateJob } from './lowrate/lowrate-thread.ts'
import { type LowrateResult, lowrateWorld } from './lowrate/play-lowrate.ts'
import { runJobs } from './threads/run-jobs.ts'
import { decisionsPerMinute } from './worlds/publishing-learner.ts'

/**
 * Rare responses, the product's normal case: 12 treatments, 4 segments that respond at 1 to 3 %, in each one
 * treatment that is 2.2 times as good; 60,000 decisions, with the product's heads, snapshots, inverse-gap
 * weighting and floor. What share of the headroom (reward above an even draw, over best above even) the last
 * fifth of the decisions has. In the same worlds again, a treatment joins at half time that is 2.5 times as good
 * as the average of the rest in one segment. Over the first 20 worlds and over 100, and both must hold: a joiner
 * is mostly either found or not, so that 20 leave its mean ±.08.
 */
const seeds = 100
const shareMin = 0.88
const joinerShareMin = 0.75

const jobs: LowrateJob[] = [false, true].flatMap((withJoiner) =>
  Array.from({ length: seeds }, (_, seed) => ({ seed: seed + 1, withJoiner })),
)
const results = await runJobs<LowrateResult>(
  'lowrate',
  new URL('./lowrate/lowrate-thread.ts', import.meta.url),
  null,
  jobs,
)
const shares = results.slice(0, seeds).map(({ share }) => share)
const joinerShares = results.slice(seeds).map(({ joinerShare }) => joinerShare ?? 0)
const share = mean(shares)
const joinerShare = mean(joinerShares)
console.log(`share of the headroom by seed: ${shares.map((one) => one.toFixed(2)).join(' ')}`)
console.log(`the joiner's share by seed:    ${joinerShares.map((one) => one.toFixed(2)).join(' ')}`)
console.log(
  JSON.stringify({
    bench: 'lowrate',
    value: rounded(share),
    baseline: 1,
    ratio: rounded(share),
    baseline_is: 'always the best treatment of the segment, in rewards above an even draw; last fifth',
    share_min: rounded(Math.min(...shares)),
    shares: shares.map(rounded),
    joiner_share: rounded(joinerShare),
    joiner_share_min: rounded(Math.min(...joinerShares)),
    joiner_shares: joinerShares.map(rounded),
    first_20: { share: rounded(mean(shares.slice(0, 20))), joiner: rounded(mean(joinerShares.slice(0, 20))) },
    decisions_per_minute: decisionsPerMinute,
    world: lowrateWorld,
    generator: `xoshiro128** of src/platform/random, seeds (1..${seeds}, 11)`,
  }),
)
process.exitCode = [seeds, 20].every(
  (first) => mean(shares.slice(0, first)) >= shareMin && mean(joinerShares.slice(0, first)) >= joinerShareMin,
)
  ? 0
  : 1

function mean(numbers: number[]): number {
  return numbers.reduce((sum, value) => sum + value, 0) / numbers.length
}

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000
}
