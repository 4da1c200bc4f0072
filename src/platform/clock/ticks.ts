let last = 0

/**
 * Numbers that rise, in this thread by at least `count` a call; of threads and processes apart they rise with the
 * time, in microseconds. Where the injected clock stands still they tell what came first. Nothing is decided by
 * them. Returns the first of the `count` numbers.
 */
export function takeTicks(count: number): number {
  const first = Math.max(last + 1, Math.floor((performance.timeOrigin + performance.now()) * 1000))
  last = first + count - 1
  return first
}
