import type { DecodedCandidate } from '#contracts/decision.ts'

/**
 * What would have had to be otherwise for a candidate to be worth as much as another, one factor at a time
 * and the others left as they were; null where no value of that factor would do.
 */
export interface NeededForTie {
  responseProbability: number | null
  fatigue: number | null
  valueMicros: number | null
  lever: number | null
  costMicros: number | null
}

/** Of the score `max(0, P − fatigue − P₀) × value × lever − cost`. Levers stay within the marketer's bounds. */
export function neededForTie(candidate: DecodedCandidate, scoreMicros: number): NeededForTie {
  const { responseProbability, unpromptedProbability, fatigue, valueMicros, lever, costMicros } = candidate
  const worth = scoreMicros + costMicros
  const gain = Math.max(0, responseProbability - fatigue - unpromptedProbability)
  const neededGain = worth / (valueMicros * lever)
  const p = neededGain + fatigue + unpromptedProbability
  const lessTired = responseProbability - unpromptedProbability - neededGain
  const cheaper = gain * valueMicros * lever - scoreMicros
  return {
    responseProbability: within(p, 0, 1),
    fatigue: within(lessTired, 0, 1),
    valueMicros: within(worth / (gain * lever), 0, Number.MAX_SAFE_INTEGER),
    lever: within(worth / (gain * valueMicros), leverMin, leverMax),
    costMicros: within(cheaper, 0, Number.MAX_SAFE_INTEGER),
  }
}

/** As the campaign's schema has them. */
const leverMin = 0.1
const leverMax = 10

function within(value: number, min: number, max: number): number | null {
  return value >= min && value <= max ? value : null
}
