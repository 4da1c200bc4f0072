import type { InstantMs } from '#contracts/clock.ts'
import { type EventFault, eventFault } from './event-fault.ts'
import { parseInstant } from './parse-instant.ts'

/** Times as a client sent them, each by its own clock. */
export interface ClientTimes {
  timestamp?: unknown
  originalTimestamp?: unknown
  sentAt?: unknown
}

/**
 * When an event happened, by our clock: `receivedAt − (sentAt − timestamp)`, as the public Segment spec
 * has it, so that a wrong client clock cancels out. Without `sentAt` the client's own time stands;
 * without any time it happened when we received it.
 */
export function occurredAtOf(
  times: ClientTimes,
  receivedAt: InstantMs,
  futureMsMax: number,
): InstantMs | EventFault {
  const field = times.timestamp === undefined || times.timestamp === null ? 'originalTimestamp' : 'timestamp'
  const given = times[field]
  if (given === undefined || given === null) return receivedAt
  const happened = parseInstant(given)
  if (happened === null) return eventFault('bad_timestamp', field, 'not a time that we can read')
  let occurredAt = happened
  if (times.sentAt !== undefined && times.sentAt !== null) {
    const sent = parseInstant(times.sentAt)
    if (sent === null) return eventFault('bad_timestamp', 'sentAt', 'not a time that we can read')
    occurredAt = receivedAt - (sent - happened)
  }
  if (occurredAt > receivedAt + futureMsMax) {
    const hours = Math.round((occurredAt - receivedAt) / 3_600_000)
    return eventFault('future_timestamp', field, `${hours} hours after its receipt`)
  }
  // Also what a client's empty date becomes (year 1, 1601, 1899).
  return occurredAt < 0 ? eventFault('bad_timestamp', field, 'before 1970') : occurredAt
}
