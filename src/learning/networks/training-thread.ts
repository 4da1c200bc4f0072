import { doJob } from '#platform/threads/job-thread.ts'
import { measureHeads } from './model-card.ts'
import { encodeNetwork } from './network-format.ts'
import type { TrainingJob, TrainingResult } from './train-in-thread.ts'
import { type TrainingProgress, trainNetwork } from './train-network.ts'

/** Trains one network beside everything else. */
await doJob<TrainingJob, TrainingProgress, TrainingResult>(async (job, onProgress) => {
  const { metadata, rows, meanings, options } = job
  const trained = await trainNetwork(metadata.shape, rows, options, onProgress)
  const { weights, ...run } = trained
  const measured = measureHeads(metadata.shape, trained, rows, meanings)
  const files = await encodeNetwork(metadata, weights)
  return { ...files, ...measured, run }
})
