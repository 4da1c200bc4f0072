import { parentPort, workerData } from 'node:worker_threads'
import { onThreadClose } from './on-thread-close.ts'
import { startThread, type ThreadOptions } from './start-thread.ts'

type JobMessage<Progress, Result> = { kind: 'progress'; progress: Progress } | JobEnd<Result>

/** A fault in a job is told, not thrown: nothing else depends on it. */
export type JobEnd<Result> =
  | { kind: 'ended'; result: Result }
  | { kind: 'failed'; reason: string; stack: string }

/** One job in a thread of its own, which is gone with it. Rejects when `stop` is given. */
export async function runJob<Progress, Result>(
  options: ThreadOptions,
  onProgress: (progress: Progress) => void,
  stop?: AbortSignal,
): Promise<JobEnd<Result>> {
  const thread = startThread(options)
  try {
    return await new Promise((resolve, reject) => {
      const stopped = new Error(`the ${options.name} was stopped`)
      stop?.addEventListener('abort', () => reject(stopped), { once: true })
      thread.worker.on('message', (message: JobMessage<Progress, Result>) => {
        if (message.kind === 'progress') onProgress(message.progress)
        else resolve(message)
      })
    })
  } finally {
    const closed = thread.close()
    // In the middle of its work it would hear of the end only after it.
    if (stop?.aborted === true) await thread.worker.terminate()
    await closed.catch(() => undefined)
  }
}

/** Inside a thread that `runJob` starts: does its job, once. */
export async function doJob<Job, Progress, Result>(
  work: (job: Job, onProgress: (progress: Progress) => void) => Promise<Result>,
): Promise<void> {
  if (parentPort === null) return
  const owner = parentPort
  onThreadClose(owner, () => {})
  const tell = (message: JobMessage<Progress, Result>): void => owner.postMessage(message)
  try {
    const result = await work(workerData as Job, (progress) => tell({ kind: 'progress', progress }))
    tell({ kind: 'ended', result })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    tell({ kind: 'failed', reason, stack: error instanceof Error ? (error.stack ?? reason) : reason })
  }
}
