import type { Clock, InstantMs } from '#contracts/clock.ts'

/** A simulated clock that moves only when told, and hands over to another when the simulation ends. */
export interface SteppedClock extends Clock {
  stepTo(instant: InstantMs): void
  /** From now on this clock shows the other's time. */
  follow(clock: Clock): void
}

export function createSteppedClock(start: InstantMs): SteppedClock {
  let instant = start
  let followed: Clock | null = null
  return {
    now: () => (followed === null ? instant : followed.now()),
    stepTo(next) {
      if (next < instant) throw new Error(`a clock does not go back: ${next} is before ${instant}`)
      instant = next
    },
    follow(clock) {
      followed = clock
    },
  }
}
