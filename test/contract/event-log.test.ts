import { join } from 'node:path'
import { createInThreadLog } from '#platform/log/in-thread-log.ts'
import { createLogClient } from '#platform/log/log-client.ts'
import { startLogThread } from '#platform/log/start-log-thread.ts'
import { eventLogContract } from './event-log-contract.ts'
import { type BoundedLog, type BoundedSetup, logRetentionContract } from './log-retention-contract.ts'

const inThread = async ({ folder, limits = {} }: BoundedSetup): Promise<BoundedLog> => {
  const log = createInThreadLog({ file: join(folder, 'log.db'), wallClock: { now: Date.now }, limits })
  return { log, maintain: log.maintain, close: log.close }
}

const ownThread = async ({ folder, limits = {} }: BoundedSetup): Promise<BoundedLog> => {
  const thread = await startLogThread({ file: join(folder, 'log.db'), limits })
  const log = createLogClient(thread.connect())
  return {
    log,
    maintain: thread.maintain,
    close: async () => {
      await log.close()
      await thread.close()
    },
  }
}

eventLogContract('SQLite log in the same thread', inThread)
eventLogContract('SQLite log in its own thread', ownThread)
logRetentionContract('limits of the SQLite log in the same thread', inThread)
logRetentionContract('limits of the SQLite log in its own thread', ownThread)
