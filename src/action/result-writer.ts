import { setImmediate, setTimeout as wait } from 'node:timers/promises'
import { isStoreFault } from '#platform/store/store-faults.ts'
import type { FinishedAttempt } from './write-results.ts'

export interface ResultWriter {
  /** Resolves when the result is in the store; rejects when it could not be written. */
  put(finished: FinishedAttempt): Promise<void>
}

const batchMax = 256
/** A result that is not written leaves the message `sending`, and at last `unknown`: worth a few tries. */
const triesMax = 3
/** While the store is away the slots stay taken; well within the lease (120 s), after which it is `unknown`. */
const triesAwayMax = 120
const awayPauseMs = 500

/** Groups results: while one transaction commits, the next batch gathers. */
export function createResultWriter(write: (finished: FinishedAttempt[]) => Promise<void>): ResultWriter {
  const waiting: { finished: FinishedAttempt; resolve(): void; reject(error: unknown): void }[] = []
  let writing = false
  const drain = async (): Promise<void> => {
    writing = true
    // Calls that end in the same turn are written together, the first of them too.
    await setImmediate()
    while (waiting.length > 0) {
      const batch = waiting.splice(0, batchMax)
      try {
        await tryToWrite(
          write,
          batch.map(({ finished }) => finished),
        )
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    writing = false
  }
  return {
    put: (finished) =>
      new Promise((resolve, reject) => {
        waiting.push({ finished, resolve, reject })
        if (!writing) void drain()
      }),
  }
}

async function tryToWrite(
  write: (finished: FinishedAttempt[]) => Promise<void>,
  batch: FinishedAttempt[],
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await write(batch)
    } catch (error) {
      const isAway = isStoreFault(error)
      if (tries >= (isAway ? triesAwayMax : triesMax)) throw error
      if (isAway) await wait(awayPauseMs)
    }
  }
}
