import { parentPort, workerData } from 'node:worker_threads'
import { openStore } from '#platform/store/open-store.ts'
import { onThreadClose } from '#platform/threads/on-thread-close.ts'
import { type RehearsalProgress, rehearse } from './rehearse.ts'
import type { RehearsalJob, RehearsalMessage } from './rehearse-in-thread.ts'
import { rehearseShop } from './rehearse-shop.ts'

/** Few enough messages that nobody notices them. */
const tellEveryMs = 200

/** Plays one rehearsal beside everything else; a fault is told, not thrown. */
if (parentPort !== null) {
  const owner = parentPort
  onThreadClose(owner, () => {})
  const tell = (message: RehearsalMessage): void => owner.postMessage(message)
  const { location, now, settings, request } = workerData as RehearsalJob
  try {
    const store = await openStore(location)
    try {
      const parts = {
        store,
        now,
        settings,
        onProgress: createTeller((progress) => tell({ kind: 'progress', progress })),
      }
      const { simulated } = request
      const result = await (simulated === undefined
        ? rehearse(parts, request)
        : rehearseShop(parts, { ...request, ...simulated }))
      tell({ kind: 'ended', result })
    } finally {
      await store.close()
    }
  } catch (error) {
    tell({ kind: 'failed', reason: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
}

/** Tells now and then, and of each stage. */
function createTeller(tell: (progress: RehearsalProgress) => void): (progress: RehearsalProgress) => void {
  let toldAt = 0
  let stage = ''
  return (progress) => {
    const now = performance.now()
    if (progress.stage === stage && now - toldAt < tellEveryMs) return
    toldAt = now
    stage = progress.stage
    tell(progress)
  }
}
