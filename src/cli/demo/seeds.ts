import { Presets, SingleBar } from 'cli-progress'
import { createLogger } from '#platform/telemetry/logger.ts'
import { newcombeInterval } from '#statistics/newcombe-interval.ts'
import { sentAgainstUnsent } from '../../simulate/shop-truth.ts'
import { type PlayedShop, playInProcess } from './in-process-shop.ts'

/** Of 200 honest 95 % intervals 190 hold the truth, give or take 3.1: outside these bounds something is wrong. */
const coveredShareMin = 182 / 200
const coveredShareMax = 199 / 200
/** What the naive comparison may reach at most. */
const naiveShareMax = 0.5

const hour = 3_600_000
/** A fixed end: the same seeds give the same shops on every day. */
const endsAt = Date.parse('2026-01-31T00:00:00Z')

/**
 * `npm run demo -- --seeds N`: plays N small shops and counts how often the report's fixed-horizon
 * interval holds the planted truth, beside the naive comparison of sent and unsent. Resolves to the exit code.
 */
export async function runSeeds(seeds: number): Promise<number> {
  const bar = new SingleBar(
    { format: 'shops {bar} {value}/{total}  {eta_formatted} left' },
    Presets.shades_classic,
  )
  if (process.stderr.isTTY) bar.start(seeds, 0)
  let covered = 0
  let naiveCovered = 0
  let none = 0
  for (let seed = 1; seed <= seeds; seed++) {
    const played = await playInProcess({
      seed,
      customers: 400,
      days: 10,
      stepMs: 8 * hour,
      holdout: 0.3,
      endsAt,
      logger: createLogger({}, { level: 'error' }),
    })
    const interval = fixedInterval(played)
    if (interval === null) none += 1
    if (holds(interval, played.truth.addedConversionRate)) covered += 1
    if (holds(naiveInterval(played), played.truth.addedConversionRate)) naiveCovered += 1
    if (process.stderr.isTTY) bar.update(seed)
    else if (seed % 20 === 0) console.error(`${seed} of ${seeds} shops played`)
  }
  bar.stop()
  const isHonest = covered >= coveredShareMin * seeds && covered <= coveredShareMax * seeds
  const isNaiveWrong = naiveCovered < naiveShareMax * seeds
  console.log(`fixed-horizon 95 % intervals that hold the truth: ${covered} of ${seeds}`)
  console.log(`naive comparisons of sent and unsent that hold it: ${naiveCovered} of ${seeds}`)
  console.log(JSON.stringify({ seeds, covered, naive_covered: naiveCovered, without_interval: none }))
  return isHonest && isNaiveWrong ? 0 : 1
}

function fixedInterval({ report }: PlayedShop): { lower: number; upper: number } | null {
  const comparison = report.comparisons.find((own) => own.kind === 'holdout')
  return comparison?.goals[0]?.rate.difference?.fixed ?? null
}

function naiveInterval({ shop }: PlayedShop): { lower: number; upper: number } | null {
  const { sent, unsent } = sentAgainstUnsent(shop)
  return newcombeInterval(sent, unsent)
}

function holds(interval: { lower: number; upper: number } | null, truth: number): boolean {
  return interval !== null && interval.lower <= truth && truth <= interval.upper
}
