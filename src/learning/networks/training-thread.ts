import { parentPort, workerData } from 'node:worker_threads'
import { onThreadClose } from '#platform/threads/on-thread-close.ts'
import { measureHeads } from './model-card.ts'
import { encodeNetwork } from './network-format.ts'
import type { TrainingJob, TrainingMessage } from './train-in-thread.ts'
import { trainNetwork } from './train-network.ts'

/** Trains one network beside everything else; a fault is told, not thrown. */
if (parentPort !== null) {
  const owner = parentPort
  onThreadClose(owner, () => {})
  const tell = (message: TrainingMessage): void => owner.postMessage(message)
  const { metadata, rows, meanings, options } = workerData as TrainingJob
  try {
    const trained = await trainNetwork(metadata.shape, rows, options, (progress) =>
      tell({ kind: 'progress', progress }),
    )
    const { weights, ...run } = trained
    const measured = measureHeads(metadata.shape, trained, rows, meanings)
    const files = await encodeNetwork(metadata, weights)
    tell({ kind: 'trained', result: { ...files, ...measured, run } })
  } catch (error) {
    tell({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) })
  }
}
