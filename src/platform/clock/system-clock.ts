import type { Clock } from '#contracts/clock.ts'

/** The wall clock. */
export const systemClock: Clock = { now: () => Date.now() }
