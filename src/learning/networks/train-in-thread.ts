import { type JobEnd, runJob } from '#platform/threads/job-thread.ts'
import type { HeadCard, UpliftFifth } from './model-card.ts'
import type { NetworkMetadata } from './network-files.ts'
import type { NetworkRows, TrainedNetwork, TrainingOptions, TrainingProgress } from './train-network.ts'

export interface TrainingJob {
  metadata: NetworkMetadata
  rows: NetworkRows
  meanings: { name: string; meaning: string }[]
  options: Partial<TrainingOptions>
}

export interface TrainingResult {
  modelJson: string
  weightsBin: Uint8Array
  heads: HeadCard[]
  uplift?: UpliftFifth[]
  run: Omit<TrainedNetwork, 'weights'>
}

/** Trains in a thread of its own: TensorFlow.js and its memory are gone with it. Rejects when `stop` is given. */
export function trainInThread(
  job: TrainingJob,
  onProgress: (progress: TrainingProgress) => void,
  stop?: AbortSignal,
): Promise<JobEnd<TrainingResult>> {
  const entry = new URL('./training-thread.ts', import.meta.url)
  return runJob({ name: 'training', entry, workerData: job }, onProgress, stop)
}
