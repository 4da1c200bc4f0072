import type { VariantDifference } from '#statistics/variant-difference.ts'
import type { GateSettings } from './promotion-gate.ts'

export type TemplateRefusal =
  | { reason: 'too_early'; missing: string[] }
  | { reason: 'few_effective'; effectiveRows: number; needs: number }
  | { reason: 'may_lose'; lower: number; delta: number }

export interface TemplateVerdict {
  passed: boolean
  settings: GateSettings
  figures: VariantDifference
  /** δ, in conversions a send. */
  delta: number | null
  refusals: TemplateRefusal[]
  /** Why not, for people; empty where it passed. */
  reasons: string[]
}

/**
 * Whether new words of a template may take the place of the old ones: both must have shown themselves (20
 * conversions and 20 without, `anytimeGuard`), the two together must have 1,000 effective draws, and the lower
 * end of the anytime-valid 95 % interval of new − old must not be below −δ. δ is a share of what the old words
 * earn, as for policies; the interval allows for somebody who asks every day.
 */
export function templateGate(figures: VariantDifference, settings: GateSettings): TemplateVerdict {
  const { effectiveRowsMin, lossMaxShare } = settings
  const { champion, challenger, guard, interval } = figures
  const refusals: TemplateRefusal[] = []
  const delta = champion.rate === null ? null : lossMaxShare * champion.rate
  const names = ['the old words', 'the new words'] as const
  if (guard.kind === 'too-early') {
    const missing = guard.missing.map(
      ({ arm, what, has, needs }) => `${names[arm]}: ${has} of ${needs} ${what}`,
    )
    refusals.push({ reason: 'too_early', missing })
  }
  const effectiveRows = champion.effectiveRows + challenger.effectiveRows
  if (effectiveRows < effectiveRowsMin) {
    refusals.push({ reason: 'few_effective', effectiveRows, needs: effectiveRowsMin })
  }
  if (guard.kind === 'ok' && delta !== null && !(interval !== null && interval.lower >= -delta)) {
    refusals.push({ reason: 'may_lose', lower: interval?.lower ?? Number.NEGATIVE_INFINITY, delta })
  }
  const reasons = refusals.map(describeRefusal)
  const own = { effectiveRowsMin, lossMaxShare }
  return { passed: refusals.length === 0, settings: own, figures, delta, refusals, reasons }
}

function describeRefusal(refusal: TemplateRefusal): string {
  switch (refusal.reason) {
    case 'too_early':
      return `too early: ${refusal.missing.join(', ')}`
    case 'few_effective':
      return `${Math.floor(refusal.effectiveRows)} effective draws of the two, and ${refusal.needs} are needed`
    case 'may_lose':
      return `the new words may lose ${shown(-refusal.lower)} conversions a send, and at most ${shown(refusal.delta)} may be risked`
  }
}

function shown(value: number): string {
  return String(Number(value.toPrecision(3)))
}
