import { type DriftJob, type DriftResult, driftWorld } from './drift/play-drift.ts'
import { runJobs } from './threads/run-jobs.ts'

/**
 * A world that changes: rare responses as in `lowrate`, 1,000 decisions a day, and after sixty days another
 * treatment is the best in each segment. Share of the headroom (reward above an even draw, over best above even)
 * with a half-life of 30 days, and with a learner that forgets nothing; and what forgetting costs where the world
 * stands still. The bars: in the last twelve of sixty days after the change at least .7, and .3 more than without;
 * at most .05 less where nothing changes.
 */
const seeds = 40
const halfLifeDays = 30
const shareMin = 0.7
const gainMin = 0.3
const costMax = 0.05

const kinds = [true, false].flatMap((changes) => [halfLifeDays, null].map((own) => ({ changes, own })))
const jobs = kinds.flatMap(({ changes, own }) =>
  Array.from({ length: seeds }, (_, seed): DriftJob => ({ seed: seed + 1, changes, halfLifeDays: own })),
)
const results = await runJobs<DriftResult>(
  'drift',
  new URL('./drift/drift-thread.ts', import.meta.url),
  null,
  jobs,
)
const [forgetting, keeping, forgettingStill, keepingStill] = kinds.map((_, kind) => {
  const own = results.slice(kind * seeds, (kind + 1) * seeds)
  const mean = (of: (result: DriftResult) => number) => own.reduce((sum, one) => sum + of(one), 0) / seeds
  return { before: mean((r) => r.before), following: mean((r) => r.following), last: mean((r) => r.last) }
}) as [DriftResult, DriftResult, DriftResult, DriftResult]
const cost = keepingStill.last - forgettingStill.last
console.log('share of the headroom    before  30 days after  last 12 days')
for (const [name, { before, following, last }] of [
  ['changes, forgetting', forgetting],
  ['changes, keeping', keeping],
  ['stands still, forgetting', forgettingStill],
  ['stands still, keeping', keepingStill],
] as const) {
  const figures = [before, following, last].map((share) => share.toFixed(3).padStart(12))
  console.log(`${name.padEnd(24)}${figures.join('')}`)
}
console.log(
  JSON.stringify({
    bench: 'drift',
    value: rounded(forgetting.last),
    baseline: rounded(keeping.last),
    ratio: rounded(forgetting.last / keeping.last),
    baseline_is:
      'the share of a learner that forgets nothing, in the last twelve of sixty days after the change',
    gain: rounded(forgetting.last - keeping.last),
    following: rounded(forgetting.following),
    following_baseline: rounded(keeping.following),
    still: rounded(forgettingStill.last),
    still_baseline: rounded(keepingStill.last),
    half_life_days: halfLifeDays,
    world: driftWorld,
    generator: `xoshiro128** of src/platform/random, seeds (1..${seeds}, 13)`,
  }),
)
const isMet = forgetting.last >= shareMin && forgetting.last - keeping.last >= gainMin && cost <= costMax
process.exitCode = isMet ? 0 : 1

function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000
}
