let done = false

/**
 * kafkajs 2.2.4 sets a timer of a negative time at each of its first requests (nothing throttles them), and
 * Node 24 prints three lines about it. This drops that one warning of this process and no other.
 */
export function quietTimerWarning(): void {
  if (done) return
  done = true
  const emitWarning = process.emitWarning.bind(process) as (...args: unknown[]) => void
  process.emitWarning = (...args: unknown[]): void => {
    if (args[1] !== 'TimeoutNegativeWarning') emitWarning(...args)
  }
}
