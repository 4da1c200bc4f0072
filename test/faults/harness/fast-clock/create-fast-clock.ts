import type { Clock } from '#contracts/clock.ts'

/** `factor` times as fast as the wall's clock, and the same as it at `sinceMs`: through every restart. */
export interface FastClock {
  sinceMs: number
  factor: number
}

const variable = 'FAST_CLOCK'

export function createFastClock(fast: FastClock): Clock {
  return { now: () => fastInstant(fast, Date.now()) }
}

/** What the fast clock shows when the wall's shows `wallMs`. */
export function fastInstant({ sinceMs, factor }: FastClock, wallMs: number): number {
  return sinceMs + Math.round((wallMs - sinceMs) * factor)
}

export function fastEnvironment({ sinceMs, factor }: FastClock): Record<string, string> {
  return { [variable]: `${sinceMs} ${factor}` }
}

export function fastClockOf(environment: NodeJS.ProcessEnv): FastClock {
  const [sinceMs, factor] = (environment[variable] ?? '').split(' ').map(Number)
  if (!sinceMs || !factor) throw new Error(`${variable} says no clock: ${environment[variable]}`)
  return { sinceMs, factor }
}
