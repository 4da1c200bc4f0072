import { startThread } from '#platform/threads/start-thread.ts'
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

export type TrainingMessage =
  | { kind: 'progress'; progress: TrainingProgress }
  | { kind: 'trained'; result: TrainingResult }
  | { kind: 'failed'; reason: string }

/** Trains in a thread of its own: TensorFlow.js and its memory are gone with it. Rejects when `stop` is given. */
export async function trainInThread(
  job: TrainingJob,
  onProgress: (progress: TrainingProgress) => void,
  stop?: AbortSignal,
): Promise<{ kind: 'trained'; result: TrainingResult } | { kind: 'failed'; reason: string }> {
  const thread = startThread({
    name: 'training',
    entry: new URL('./training-thread.ts', import.meta.url),
    workerData: job,
  })
  try {
    return await new Promise((resolve, reject) => {
      stop?.addEventListener('abort', () => reject(new Error('the training was stopped')), { once: true })
      thread.worker.on('message', (message: TrainingMessage) => {
        if (message.kind === 'progress') onProgress(message.progress)
        else resolve(message)
      })
    })
  } finally {
    const closed = thread.close()
    // In the middle of an epoch it would hear of the end only after the last one.
    if (stop?.aborted === true) await thread.worker.terminate()
    await closed.catch(() => undefined)
  }
}
