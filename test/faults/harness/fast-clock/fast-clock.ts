import { createFastClock, fastClockOf } from './create-fast-clock.ts'

/** In the place of `src/platform/clock/engine-clock.ts`. */
export const engineClock = createFastClock(fastClockOf(process.env))
