import type { StoreLocation } from '#platform/store/open-store.ts'
import { startThread } from '#platform/threads/start-thread.ts'
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

export type RehearsalMessage =
  | { kind: 'progress'; progress: RehearsalProgress }
  | { kind: 'ended'; result: RehearsalResult }
  | { kind: 'failed'; reason: string }

/** Rehearses in a thread of its own: it works for minutes, and others wait for nothing. Rejects when `stop` is given. */
export async function rehearseInThread(
  job: RehearsalJob,
  onProgress: (progress: RehearsalProgress) => void,
  stop?: AbortSignal,
): Promise<RehearsalResult> {
  const thread = startThread({
    name: 'rehearsal',
    entry: new URL('./rehearsal-thread.ts', import.meta.url),
    workerData: job,
  })
  try {
    return await new Promise((resolve, reject) => {
      stop?.addEventListener('abort', () => reject(new Error('the rehearsal was stopped')), { once: true })
      thread.worker.on('message', (message: RehearsalMessage) => {
        if (message.kind === 'progress') onProgress(message.progress)
        else if (message.kind === 'ended') resolve(message.result)
        else reject(new Error(message.reason))
      })
    })
  } finally {
    const closed = thread.close()
    if (stop?.aborted === true) await thread.worker.terminate()
    await closed.catch(() => undefined)
  }
}
