import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { engineClock } from '#platform/clock/engine-clock.ts'
import { systemClock } from '#platform/clock/system-clock.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { openStore, type StoreLocation } from '#platform/store/open-store.ts'
import { createWriterTicket } from '#platform/store/writer-ticket.ts'
import { createLogger } from '#platform/telemetry/logger.ts'
import { onThreadClose } from '#platform/threads/on-thread-close.ts'
import { createPulse } from '#platform/threads/pulse.ts'
import { createWake } from '#platform/threads/wake.ts'
import { type RoleName, roleNames } from '../../config.ts'
import type { EngineSettings, RoleParts } from '../engine-parts.ts'
import type { RoleRun } from './keep-going.ts'
import { type LogLocation, openRoleLog } from './open-role-log.ts'
import { openShared } from './open-shared.ts'
import { assembleSender, runSender } from './sender-role.ts'
import { assembleStrategist, runStrategist } from './strategist-role.ts'
import { assembleWorker, runWorker } from './worker-role.ts'

/** What a role's thread is given. */
export interface RoleThreadData {
  role: Exclude<RoleName, 'api'>
  location: StoreLocation
  ticket: SharedArrayBuffer
  wake: SharedArrayBuffer
  pulse: SharedArrayBuffer
  /** Of a worker. */
  log?: LogLocation
  settings: EngineSettings
}

const backgroundNice = 5

/** One role in its own thread: its own connections to the store and the log. */
if (parentPort !== null) {
  const data = workerData as RoleThreadData
  yieldToDoors(data.role)
  const stop = new AbortController()
  const own = await openParts(data)
  const { redisUrl } = data.settings
  const shared = redisUrl === undefined ? undefined : await openShared(redisUrl, own.logger)
  const parts = { ...own, ...shared }
  const pulse = createPulse(roleNames.length, data.pulse)
  const beat = (): void => pulse.beat(roleNames.indexOf(data.role), parts.wallClock.now())
  const running = run(data, parts, { stop: stop.signal, beat })
  onThreadClose(parentPort, async () => {
    stop.abort()
    await running
    shared?.close()
    await parts.store.close()
  })
  await running
}

/**
 * Somebody waits for the doors and for the log; for what the worker stores, nobody does. In Linux a thread has a
 * priority of its own, which says who runs first where all want a core; a share is left to each.
 */
function yieldToDoors(role: RoleThreadData['role']): void {
  if (process.platform === 'linux' && role !== 'sender') setPriority(0, backgroundNice)
}

async function openParts({ role, location, ticket, wake, settings }: RoleThreadData): Promise<RoleParts> {
  return {
    store: await openStore({ ...location, ticket: createWriterTicket(ticket) }),
    wake: createWake(wake),
    clock: engineClock,
    wallClock: systemClock,
    random: createSeededRandom(systemClock.now() >>> 0, process.pid),
    logger: createLogger({ role }),
    settings,
  }
}

async function run({ role, log: location }: RoleThreadData, parts: RoleParts, own: RoleRun): Promise<void> {
  switch (role) {
    case 'worker': {
      if (location === undefined) throw new Error('a worker needs a log')
      const log = await openRoleLog(location, parts.logger)
      const engine = { ...parts, log }
      await runWorker(engine, await assembleWorker(engine), own)
      return log.close()
    }
    case 'sender':
      return runSender(parts, await assembleSender(parts), own)
    case 'strategist':
      return runStrategist(parts, assembleStrategist(parts), own)
  }
}
