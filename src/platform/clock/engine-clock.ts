import type { Clock } from '#contracts/clock.ts'
import { systemClock } from './system-clock.ts'

/**
 * What a running server injects: the clock that due times, customers' windows and attribution go by. A module of
 * its own, apart from the wall clock, so that a test can let a server's days pass in seconds.
 */
export const engineClock: Clock = systemClock
