/** How long an answer may take, by a real clock. */
export interface Deadline {
  passed: Promise<'timeout'>
  isPast(): boolean
  stop(): void
}

export function startDeadline(timeoutMs: number): Deadline {
  const { promise, resolve } = Promise.withResolvers<'timeout'>()
  let isPast = false
  const timer = setTimeout(() => {
    isPast = true
    resolve('timeout')
  }, timeoutMs)
  return { passed: promise, isPast: () => isPast, stop: () => clearTimeout(timer) }
}
