import type { CampaignState } from '#contracts/campaign.ts'

/**
 * Which version of a campaign runs and which waits to follow it.
 *
 *   apply ─► draft ─submit─► in-review ─approve─► approved ─launch─► live ─pause─► paused
 *              └───────────approve──────────────────▲                  ▲──launch────┘
 *                                                            live, paused ─end─► ended
 *
 * Every step and every change of the definition appends a row, so the newest row alone does not tell: a
 * draft waits while the version before it goes on, and a pause of that one comes after the draft.
 */
export interface Standing<V> {
  /** Live, paused or ended; null before the first launch. */
  running: V | null
  /** Draft, in review or approved; null when nothing waits. */
  waiting: V | null
}

/** Reads the rows of one campaign in the order of their versions. */
export function standingOf<V extends { state: CampaignState }>(versions: readonly V[]): Standing<V> {
  let running: V | null = null
  let waiting: V | null = null
  for (const version of versions) {
    switch (version.state) {
      case 'draft':
      case 'in-review':
      case 'approved':
        waiting = version
        break
      case 'live':
        running = version
        // What was approved has been launched; a draft still waits when a paused version goes on.
        if (waiting?.state === 'approved') waiting = null
        break
      case 'paused':
        running = version
        break
      case 'ended':
        running = version
        waiting = null
        break
    }
  }
  return { running, waiting }
}
