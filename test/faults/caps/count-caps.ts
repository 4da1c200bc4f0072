import type { Window } from './rules.ts'

/** What one receiver got. */
export interface Received {
  customer: string
  channel: string
  /** By the receiver's clock, turned into the fast clock's time. */
  at: number
  zone: string
}

/**
 * Sends that came though a window was full, counted by plain arithmetic over what was received. `slackMs`: by so
 * much a receipt may lie behind the instant at which its send began; only what is too much in spite of that is
 * counted.
 */
export function countOverruns(received: readonly Received[], window: Window, slackMs: number): string[] {
  const counted = received.filter(({ channel }) => window.channel === undefined || window.channel === channel)
  const overruns: string[] = []
  for (const [customer, own] of Map.groupBy(counted, (one) => one.customer)) {
    const found =
      window.hours === undefined ? inDays(own, window, slackMs) : inHours(own, window.hours, window, slackMs)
    overruns.push(
      ...found.map((at) => `${customer} at ${new Date(at).toISOString()}, ${JSON.stringify(window)}`),
    )
  }
  return overruns
}

/** How often a window was just full: where this is rare, a count of no overruns says little. */
export function countFull(received: readonly Received[], window: Window, slackMs: number): number {
  return countOverruns(received, { ...window, sendsMax: window.sendsMax - 1 }, slackMs).length
}

/** Sends that came sooner after the last one than the gap. */
export function countTooNear(received: readonly Received[], gapMs: number): string[] {
  const near: string[] = []
  for (const [customer, own] of Map.groupBy(received, (one) => one.customer)) {
    const instants = own.map(({ at }) => at).sort((a, b) => a - b)
    for (const [i, at] of instants.entries()) {
      const before = instants[i - 1]
      if (before !== undefined && at - before < gapMs)
        near.push(`${customer} at ${new Date(at).toISOString()}`)
    }
  }
  return near
}

function inHours(own: readonly Received[], hours: number, { sendsMax }: Window, slackMs: number): number[] {
  const instants = own.map(({ at }) => at).sort((a, b) => a - b)
  return instants.filter((at, i) => {
    const first = instants[i - sendsMax]
    return first !== undefined && at - first < hours * 3_600_000 - slackMs
  })
}

function inDays(own: readonly Received[], { sendsMax, localDays = 1 }: Window, slackMs: number): number[] {
  const sends = own
    .map(({ at, zone }) => ({ at, earliest: dayOf(at - slackMs, zone), latest: dayOf(at, zone) }))
    .sort((a, b) => a.at - b.at)
  return sends
    .filter(({ at, latest }) => {
      const before = sends.filter(
        (other) => other.at <= at && other.earliest > latest - localDays && other.latest <= latest,
      )
      return before.length > sendsMax && sends.find((one) => one.at === at)?.earliest === latest
    })
    .map(({ at }) => at)
}

/** Days since the epoch on the calendar of the zone, by Intl. */
function dayOf(at: number, zone: string): number {
  let format = formats.get(zone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone })
    formats.set(zone, format)
  }
  return Date.parse(`${format.format(at)}T00:00:00Z`) / 86_400_000
}
const formats = new Map<string, Intl.DateTimeFormat>()
