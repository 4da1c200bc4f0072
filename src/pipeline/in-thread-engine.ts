import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '#contracts/clock.ts'
import type { Logger } from '#contracts/logger.ts'
import { systemClock } from '#platform/clock/system-clock.ts'
import { createInThreadLog } from '#platform/log/in-thread-log.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { openStore } from '#platform/store/open-store.ts'
import { createWake } from '#platform/threads/wake.ts'
import type { EngineParts, EngineSettings } from './engine-parts.ts'
import { assembleSender, type SenderRole } from './roles/sender-role.ts'
import { assembleStrategist, type Strategist } from './roles/strategist-role.ts'
import { assembleWorker } from './roles/worker-role.ts'
import type { Worker } from './worker.ts'

/** All roles in the caller's thread, moved by hand: for simulation and tests. */
export interface InThreadEngine {
  parts: EngineParts
  /** To move one role alone: what happens between a decision and its claim. */
  roles: { worker: Worker; sender: SenderRole; strategist: Strategist }
  /** Works until nothing is left to do at the clock's instant. */
  drain(): Promise<void>
  close(): Promise<void>
}

export async function openInThreadEngine(options: {
  dataDir: string
  clock: Clock
  seed: number
  /** One owner has no use for several; each costs a transaction. Default 1. */
  partitions?: number
  logger: Logger
  settings?: Partial<EngineSettings>
  /** A PostgreSQL to keep the rows in, instead of a file in the folder. */
  storeUrl?: string
  /** Runs before the roles are assembled: a door that opens here can still say what its address is. */
  openDoors?: (parts: EngineParts) => Promise<void>
}): Promise<InThreadEngine> {
  mkdirSync(options.dataDir, { recursive: true })
  const log = createInThreadLog({
    file: join(options.dataDir, 'log.db'),
    partitions: options.partitions ?? 1,
    wallClock: systemClock,
  })
  const { storeUrl } = options
  const store = await openStore(
    storeUrl === undefined ? { file: join(options.dataDir, 'store.db') } : { url: storeUrl },
  )
  const parts: EngineParts = {
    store,
    log,
    wake: createWake(),
    clock: options.clock,
    wallClock: systemClock,
    random: createSeededRandom(options.seed),
    logger: options.logger,
    settings: { ...defaultSettings, ...options.settings },
  }
  await options.openDoors?.(parts)
  const worker = await assembleWorker(parts)
  const sender = await assembleSender(parts)
  const strategist = assembleStrategist(parts)
  return {
    parts,
    roles: { worker, sender, strategist },
    async drain() {
      for (;;) {
        let done = 0
        while ((await worker.lag()) > 0) done += await worker.step(0)
        done += await worker.fireTimers()
        done += await sender.step()
        await sender.drain()
        done += await strategist.step()
        if (done === 0) return
      }
    },
    async close() {
      await strategist.slowWork.stop()
      await strategist.feeds.stop()
      await sender.close()
      await worker.close()
      await log.close()
      await store.close()
    },
  }
}

export const defaultSettings: EngineSettings = {
  triggerMaxAgeMs: 3_600_000,
  batchRecordsMax: 500,
  batchMaxMs: 5,
  sendsInFlightMax: 32,
  eventsKeepDays: 400,
  providers: [],
  mailFrom: 'Starling <hello@starling.localhost>',
  webhookPrivateHosts: false,
  feedPrivateHosts: false,
  publicUrl: 'http://127.0.0.1:8420',
  owner: 'in-thread',
}
