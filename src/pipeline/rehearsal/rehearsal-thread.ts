import { openStore } from '#platform/store/open-store.ts'
import { doJob } from '#platform/threads/job-thread.ts'
import { type RehearsalProgress, type RehearsalResult, rehearse } from './rehearse.ts'
import type { RehearsalJob } from './rehearse-in-thread.ts'
import { rehearseShop } from './rehearse-shop.ts'

/** Few enough messages that nobody notices them. */
const tellEveryMs = 200

/** Plays one rehearsal beside everything else. */
await doJob<RehearsalJob, RehearsalProgress, RehearsalResult>(async (job, onProgress) => {
  const { location, now, settings, request } = job
  const store = await openStore(location)
  try {
    const parts = { store, now, settings, onProgress: createTeller(onProgress) }
    const { simulated } = request
    return await (simulated === undefined
      ? rehearse(parts, request)
      : rehearseShop(parts, { ...request, ...simulated }))
  } finally {
    await store.close()
  }
})

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
