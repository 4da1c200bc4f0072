/** Milliseconds since the Unix epoch, UTC. */
export type InstantMs = number

/**
 * Two clocks exist and are never mixed. The *injected* clock drives due times, customers' windows and
 * attribution, and may be simulated. The *wall* clock drives leases, back-off, rate limits, log
 * retention, receipt and skew.
 */
export interface Clock {
  now(): InstantMs
}
