import { parentPort, workerData } from 'node:worker_threads'
import { onThreadClose } from '#platform/threads/on-thread-close.ts'

/** Inside a thread of `runJobs`: answers each job with what `work` makes of it. */
export function serveJobs<Data, Job>(work: (job: Job, data: Data) => unknown): void {
  if (parentPort === null) throw new Error('this file runs in a thread')
  const owner = parentPort
  owner.on('message', (message: { job: Job } | string) => {
    if (typeof message === 'object') owner.postMessage(work(message.job, workerData as Data))
  })
  onThreadClose(owner, () => {})
}
