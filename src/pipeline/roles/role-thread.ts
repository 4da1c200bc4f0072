import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '#platform/clock/system-clock.ts'
import { createLogClient, type LogConnection } from '#platform/log/log-client.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { openStore, type StoreLocation } from '#platform/store/open-store.ts'
import { createWriterTicket } from '#platform/store/writer-ticket.ts'
import { createLogger } from '#platform/telemetry/logger.ts'
import { onThreadClose } from '#platform/threads/on-thread-close.ts'
import { createWake } from '#platform/threads/wake.ts'
import type { RoleName } from '../../config.ts'
import type { EngineParts, EngineSettings } from '../engine-parts.ts'
import { assembleSender, runSender } from './sender-role.ts'
import { assembleStrategist, runStrategist } from './strategist-role.ts'
import { assembleWorker, runWorker } from './worker-role.ts'

/** What a role's thread is given. */
export interface RoleThreadData {
  role: Exclude<RoleName, 'api'>
  location: StoreLocation
  ticket: SharedArrayBuffer
  wake: SharedArrayBuffer
  log: LogConnection
  settings: EngineSettings
}

/** One role in its own thread: its own connection to the store, its own way to the log. */
if (parentPort !== null) {
  const data = workerData as RoleThreadData
  const stop = new AbortController()
  const parts = await openParts(data)
  const running = run(data.role, parts, stop.signal)
  onThreadClose(parentPort, async () => {
    stop.abort()
    await running
    await parts.log.close()
    await parts.store.close()
  })
  await running
}

async function openParts(data: RoleThreadData): Promise<EngineParts> {
  const ticket = createWriterTicket(data.ticket)
  return {
    store: await openStore({ ...data.location, ticket }),
    log: createLogClient(data.log),
    wake: createWake(data.wake),
    clock: systemClock,
    wallClock: systemClock,
    random: createSeededRandom(systemClock.now() >>> 0, process.pid),
    logger: createLogger({ role: data.role }),
    settings: data.settings,
  }
}

async function run(role: RoleThreadData['role'], parts: EngineParts, stop: AbortSignal): Promise<void> {
  switch (role) {
    case 'worker':
      return runWorker(parts, await assembleWorker(parts), stop)
    case 'sender':
      return runSender(parts, await assembleSender(parts), stop)
    case 'strategist':
      return runStrategist(parts, assembleStrategist(parts), stop)
  }
}
