import { join } from 'node:path'
import type { Logger } from '#contracts/logger.ts'
import { createSteppedClock } from '#platform/clock/stepped-clock.ts'
import { systemClock } from '#platform/clock/system-clock.ts'
import { createInThreadLog } from '#platform/log/in-thread-log.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { openStore } from '#platform/store/open-store.ts'
import { createWake } from '#platform/threads/wake.ts'
import type { EngineParts } from '../../src/pipeline/engine-parts.ts'
import { defaultSettings } from '../../src/pipeline/in-thread-engine.ts'

/** Noon in June: most zones of the customers have no quiet hours. */
export const now = Date.UTC(2026, 5, 15, 12)

/** The engine's parts on the folder's files, in this thread; the clock stands at `now`. */
export async function openParts(
  folder: string,
  seed: number,
): Promise<{ parts: EngineParts; close(): Promise<void> }> {
  const log = createInThreadLog({ file: join(folder, 'log.db'), wallClock: systemClock })
  const store = await openStore({ file: join(folder, 'store.db') })
  const parts: EngineParts = {
    store,
    log,
    wake: createWake(),
    clock: createSteppedClock(now),
    wallClock: systemClock,
    random: createSeededRandom(seed),
    logger: quiet,
    settings: defaultSettings,
  }
  return {
    parts,
    async close() {
      await log.close()
      await store.close()
    },
  }
}

const quiet: Logger = { error: console.error, warn: console.error, info: () => {}, debug: () => {} }
