import type { InstantMs } from '#contracts/clock.ts'

/** How many calls may be under way or just over: what keeps a provider below its rate, wherever it counts. */
export interface CallWindow {
  /** 0: a call may begin now; otherwise how long until it makes sense to ask again. */
  waitMs(now: InstantMs): number
  /** Takes a place; the function gives it back when the call is over, `called` false where none was made. */
  begin(now: InstantMs): (now: InstantMs, called?: boolean) => void
  /** Between two calls when all places are always taken. */
  intervalMs(): number
  isIdle(now: InstantMs): boolean
}

/** All places taken by calls under way: nobody knows when one ends. */
const underWayRetryMs = 50
/** Weight of the newest call in the mean of how long calls take. */
const newestWeight = 0.1

/**
 * A provider counts a call at some instant between its begin and its end. A place is held from the begin until one
 * window after the end, so however long calls take and whatever delays them, no window of the provider's own
 * clock holds more than the places there are. (Evenly spaced begins would not keep that: calls bunch on the way.)
 * It costs 1 / (1 + duration of a call ÷ window) of the rate: 5 % with calls of 50 ms.
 */
export function createCallWindow(perSecondMax: number): CallWindow {
  const places = Math.ceil(perSecondMax)
  // One more: our clock counts whole milliseconds.
  const windowMs = (places * 1000) / perSecondMax + 1
  /** When calls ended, oldest first from `first` on; those a window ago are dropped. */
  let ended: InstantMs[] = []
  let first = 0
  let underWay = 0
  let durationMs = 0

  const forget = (now: InstantMs): void => {
    while (first < ended.length && ended[first]! + windowMs <= now) first++
    if (first > 1024 && first * 2 > ended.length) {
      ended = ended.slice(first)
      first = 0
    }
  }
  return {
    waitMs(now) {
      forget(now)
      if (underWay + ended.length - first < places) return 0
      const oldest = ended[first]
      return oldest === undefined ? underWayRetryMs : Math.max(1, oldest + windowMs - now)
    },
    begin(begunAt) {
      underWay++
      let isOver = false
      return (now, called = true) => {
        if (isOver) return
        isOver = true
        underWay--
        if (!called) return
        ended.push(now)
        durationMs += (Math.max(0, now - begunAt) - durationMs) * newestWeight
      }
    },
    intervalMs: () => (windowMs + durationMs) / places,
    isIdle(now) {
      forget(now)
      return underWay === 0 && first === ended.length
    },
  }
}
