import { setImmediate, setTimeout as wait } from 'node:timers/promises'
import { isStoreFault } from '#platform/store/store-faults.ts'
import type { FinishedAttempt } from './write-results.ts'

export interface ResultWriter {
  /** Resolves when the result is in the store; rejects when it could not be written. */
  put(finished: FinishedAttempt): Promise<void>
  /** Results that wait to be written. */
  readonly waiting: number
  /**
   * Whoever is about to write something else takes the results along: until this is released they gather.
   * One at a time.
   */
  hold(): HeldResults
}

export interface HeldResults {
  /** Those that wait now, for the caller to write. */
  take(): FinishedAttempt[]
  /** What was taken is in the store. */
  written(): void
  /** The rest, and what was taken and not written, is written by itself. */
  release(): void
}

const batchMax = 256
/** A result that is not written leaves the message `sending`, and at last `unknown`: worth a few tries. */
const triesMax = 3
/** While the store is away the slots stay taken; well within the lease (120 s), after which it is `unknown`. */
const triesAwayMax = 120
const awayPauseMs = 500

interface Waiting {
  finished: FinishedAttempt
  resolve(): void
  reject(error: unknown): void
}

/** Groups results: while one transaction commits, the next batch gathers. */
export function createResultWriter(write: (finished: FinishedAttempt[]) => Promise<void>): ResultWriter {
  const waiting: Waiting[] = []
  let writing = false
  let held = false
  const drain = async (): Promise<void> => {
    writing = true
    // Calls that end in the same turn are written together, the first of them too.
    await setImmediate()
    while (waiting.length > 0 && !held) {
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
  const wake = (): void => {
    if (!writing && !held && waiting.length > 0) void drain()
  }
  return {
    put: (finished) =>
      new Promise((resolve, reject) => {
        waiting.push({ finished, resolve, reject })
        wake()
      }),
    get waiting() {
      return waiting.length
    },
    hold() {
      if (held) throw new Error('the results are held already')
      held = true
      let taken: Waiting[] = []
      return {
        take() {
          taken.push(...waiting.splice(0, batchMax))
          return taken.map(({ finished }) => finished)
        },
        written() {
          for (const { resolve } of taken) resolve()
          taken = []
        },
        release() {
          waiting.unshift(...taken)
          taken = []
          held = false
          wake()
        },
      }
    },
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
