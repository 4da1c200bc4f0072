import { availableParallelism } from 'node:os'
import { Presets, SingleBar } from 'cli-progress'
import { startThread } from '#platform/threads/start-thread.ts'

/**
 * Does the jobs on all cores, each in the next free thread, and shows how many are done. The results are in
 * the order of the jobs, whatever thread did them.
 *
 * @param entry the thread's file, which calls `serveJobs`
 * @param data given to every thread at its start
 */
export async function runJobs<Result>(
  name: string,
  entry: URL,
  data: unknown,
  jobs: readonly unknown[],
): Promise<Result[]> {
  const results = new Array<Result>(jobs.length)
  const bar = new SingleBar(
    { format: `${name} {bar} {value}/{total}`, noTTYOutput: false },
    Presets.shades_classic,
  )
  bar.start(jobs.length, 0)
  let next = 0
  const lane = async (): Promise<void> => {
    const thread = startThread({ name, entry, workerData: data })
    while (next < jobs.length) {
      const at = next
      next += 1
      const answer = Promise.withResolvers<Result>()
      thread.worker.once('message', answer.resolve)
      thread.worker.postMessage({ job: jobs[at] })
      results[at] = await answer.promise
      bar.increment()
    }
    await thread.close()
  }
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), jobs.length) }, lane))
  bar.stop()
  return results
}
