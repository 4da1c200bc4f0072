import type { StoreLocation } from '#platform/store/open-store.ts'
import { runJob } from '#platform/threads/job-thread.ts'
import type { RehearsalParts, RehearsalProgress, RehearsalRequest, RehearsalResult } from './rehearse.ts'

export interface RehearsalJob {
  location: StoreLocation
  /** By the injected clock. */
  now: number
  settings: RehearsalParts['settings']
  request: RehearsalRequest & {
    /** A planted shop instead of history. */
    simulated?: { customers: number; seed: number }
  }
}

/** Rehearses in a thread of its own: it works for minutes, and others wait for nothing. Rejects when `stop` is given. */
export async function rehearseInThread(
  job: RehearsalJob,
  onProgress: (progress: RehearsalProgress) => void,
  stop?: AbortSignal,
): Promise<RehearsalResult> {
  const entry = new URL('./rehearsal-thread.ts', import.meta.url)
  const options = { name: 'rehearsal', entry, workerData: job }
  const ended = await runJob<RehearsalProgress, RehearsalResult>(options, onProgress, stop)
  if (ended.kind === 'failed') throw new Error(ended.stack)
  return ended.result
}
