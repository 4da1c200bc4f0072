import type { AppendResult } from '#contracts/event-log.ts'
import type { PartitionRun } from './append-frame.ts'
import { MAINTAIN_EVERY_MS } from './log-limits.ts'
import type { SqliteLog } from './sqlite-log.ts'

/** Collects the calls that wait when a commit starts into that commit, and keeps the log tidy between commits. */
export interface GroupCommit {
  submit(runs: PartitionRun[], answer: (result: AppendResult) => void): void
  /** Saves consumers' offsets and applies retention until nothing is left to delete. */
  maintain(): Promise<void>
  /** Commits what waits, answers it and closes the log. */
  close(): void
}

/** `onAnswered` is called after the answers of each commit. */
export function createGroupCommit(log: SqliteLog, onAnswered: () => void = () => {}): GroupCommit {
  let waiting: { runs: PartitionRun[]; answer: (result: AppendResult) => void }[] = []
  let closed = false

  const commit = (): void => {
    if (waiting.length === 0) return
    const calls = waiting
    waiting = []
    const results = log.append(calls.map((call) => call.runs))
    calls.forEach((call, i) => {
      call.answer(results[i]!)
    })
    onAnswered()
  }

  /** One step per turn of the event loop, so that appends never wait for more than one. */
  const maintain = async (): Promise<void> => {
    while (!closed && log.maintain()) await new Promise((resolve) => setImmediate(resolve))
  }

  let maintaining = false
  const timer = setInterval(() => {
    if (maintaining) return
    maintaining = true
    void maintain().finally(() => {
      maintaining = false
    })
  }, MAINTAIN_EVERY_MS)
  timer.unref()

  return {
    maintain,
    submit(runs, answer) {
      if (closed) {
        answer({ kind: 'unavailable', reason: 'the event log is closing' })
        return
      }
      if (waiting.length === 0) setImmediate(commit)
      waiting.push({ runs, answer })
    },
    close() {
      if (closed) return
      commit()
      closed = true
      clearInterval(timer)
      log.close()
    },
  }
}
