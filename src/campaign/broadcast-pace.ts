import type { Pace } from '#contracts/broadcast.ts'
import type { InstantMs } from '#contracts/clock.ts'
import type { BroadcastRun } from './broadcast-rows.ts'

type Paced = Pick<
  BroadcastRun,
  'customers' | 'looked' | 'starts_at' | 'pace_from' | 'pace_looked' | 'pace_taken'
>

/** What a run may do now. `from` is where the pace counts from afterwards. */
export interface Allowance {
  /** Customers to look at. */
  looks: number
  /** Customers of the audience to decide about. */
  takes: number
  from: { at: InstantMs; looked: number; taken: number }
}

const minuteMs = 60_000
const unlimited = Number.MAX_SAFE_INTEGER

/**
 * What the pace allows at `now`. Whoever was away (a crash, a machine that slept) makes up for a minute at most
 * of so many a minute; what is spread until an instant catches up.
 */
export function allowance(run: Paced, pace: Pace | undefined, now: InstantMs): Allowance {
  const from = { at: run.pace_from, looked: run.pace_looked, taken: run.pace_taken }
  if (now < run.starts_at) return { looks: 0, takes: 0, from }
  if (pace === undefined) return { looks: unlimited, takes: unlimited, from }
  if ('perMinute' in pace) {
    const due = Math.floor((pace.perMinute * (now - from.at)) / minuteMs) - from.taken
    if (due <= pace.perMinute) return { looks: unlimited, takes: Math.max(0, due), from }
    const later = { at: now - minuteMs, looked: run.looked, taken: 0 }
    return { looks: unlimited, takes: pace.perMinute, from: later }
  }
  const until = Date.parse(pace.until)
  if (now >= until) return { looks: unlimited, takes: unlimited, from }
  const share = (now - from.at) / (until - from.at)
  const target = from.looked + Math.floor((run.customers - from.looked) * share)
  return { looks: Math.max(0, target - run.looked), takes: unlimited, from }
}

/** When the last customer will have been looked at if it goes on so; null while nothing tells. */
export function expectedEnd(
  run: Paced & Pick<BroadcastRun, 'audience'>,
  pace: Pace | undefined,
  now: InstantMs,
): InstantMs | null {
  const left = Math.max(0, run.customers - run.looked)
  const begins = Math.max(now, run.starts_at)
  if (left === 0) return begins
  if (pace !== undefined && 'until' in pace) return Math.max(begins, Date.parse(pace.until))
  if (pace !== undefined) {
    if (run.looked === 0) return null
    const takes = (left * run.audience) / run.looked
    return begins + Math.ceil((takes / pace.perMinute) * minuteMs)
  }
  const looked = run.looked - run.pace_looked
  const tookMs = now - run.pace_from
  return looked <= 0 || tookMs <= 0 ? null : begins + Math.ceil((left / looked) * tookMs)
}
