import type { RowOf } from '#platform/store/store.ts'

/** What a conversion credits: `converted` is told when it settles; `corrected` turns a 0 that was taught into a 1. */
export interface Attribution {
  exposure: RowOf<'exposures'>
  state: 'converted' | 'corrected'
}

/**
 * The exposure that a conversion is credited to, for the learner: the last one of its goal, by
 * `exposed_at`, then decision, then campaign, whose window holds the conversion (both ends inclusive).
 * `exposures` are one customer's, in any order and state.
 *
 * Null where there is none, or where the last one has its conversion already: an exposure earns one
 * reward at most, and a second purchase does not fall through to an older exposure, since its last touch
 * is known and was credited. (Falling through would credit a burst of purchases to ever older messages,
 * and the credit would depend on how many purchases the burst is recorded as.)
 */
export function attribute(
  exposures: RowOf<'exposures'>[],
  conversion: { goalId: string; occurredAt: number },
): Attribution | null {
  let last: RowOf<'exposures'> | null = null
  for (const exposure of exposures) {
    if (exposure.goal_id !== conversion.goalId) continue
    if (conversion.occurredAt < exposure.exposed_at || conversion.occurredAt > exposure.window_ends_at)
      continue
    if (last === null || isLater(exposure, last)) last = exposure
  }
  if (last === null) return null
  if (last.state === 'open') return { exposure: last, state: 'converted' }
  return last.state === 'closed' ? { exposure: last, state: 'corrected' } : null
}

function isLater(a: RowOf<'exposures'>, b: RowOf<'exposures'>): boolean {
  if (a.exposed_at !== b.exposed_at) return a.exposed_at > b.exposed_at
  if (a.decision_id !== b.decision_id) return a.decision_id > b.decision_id
  return a.campaign_id > b.campaign_id
}
