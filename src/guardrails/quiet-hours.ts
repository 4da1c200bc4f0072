import type { ChannelName, QuietHours } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import { allow } from '#contracts/guardrail.ts'
import { instantOfLocal, localMoment } from '#platform/clock/local-time.ts'
import type { SharedGuardrail } from './run/evaluate.ts'

/** After this many nights in a row the two rules leave no hour of the day: the message waits and lapses. */
const nightsMax = 4

/**
 * Nothing is sent in the customer's quiet hours, by the workspace's rule and by the campaign's: the message
 * waits for the end of those it is in, the later one of two, and of those that have begun by then.
 *
 * The end is the first instant from now on at which the customer's clock shows `until` or later. On the
 * night on which the clock skips `until`, that is the instant of the change; where `until` comes twice, the
 * first time ends the quiet, and hours that begin again with the second round are quiet again.
 */
export const guardrail: SharedGuardrail = {
  name: 'quiet-hours',
  sharedBy: 'campaign-and-channel',
  check({ transactional, now, settings, campaign, customer: { zone }, candidate: { channel } }) {
    const rules = [settings.quietHours, campaign.spec.quietHours]
    if (transactional || (rules[0] === undefined && rules[1] === undefined)) return allow
    let untilMs = now
    for (let night = 0; night < nightsMax; night++) {
      const end = Math.max(
        quietUntil(rules[0], channel, untilMs, zone),
        quietUntil(rules[1], channel, untilMs, zone),
      )
      if (end === untilMs) break
      untilMs = end
    }
    if (untilMs === now) return allow
    return {
      kind: 'defer',
      untilMs,
      reason: 'quiet_hours',
      inputs: { zone, localMinute: localMoment(now, zone).minuteOfDay },
    }
  },
}

/** The end of the quiet hours around `instant`, or `instant` itself outside of them. */
function quietUntil(
  quiet: QuietHours | undefined,
  channel: ChannelName,
  instant: InstantMs,
  zone: string,
): InstantMs {
  if (quiet === undefined || (quiet.channels !== undefined && !quiet.channels.includes(channel)))
    return instant
  const from = minutesOf(quiet.from)
  const until = minutesOf(quiet.until)
  const { dayNumber, minuteOfDay } = localMoment(instant, zone)
  const spansMidnight = from > until
  const isQuiet = spansMidnight
    ? minuteOfDay >= from || minuteOfDay < until
    : minuteOfDay >= from && minuteOfDay < until
  if (!isQuiet) return instant
  const endDay = spansMidnight && minuteOfDay >= from ? dayNumber + 1 : dayNumber
  return instantOfLocal({ dayNumber: endDay, minuteOfDay: until }, zone, instant)
}

/** `HH:MM`, as the schema has checked. */
function minutesOf(time: string): number {
  const digit = (at: number): number => time.charCodeAt(at) - 48
  return (digit(0) * 10 + digit(1)) * 60 + digit(3) * 10 + digit(4)
}
