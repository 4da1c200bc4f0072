import { performance } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { listWorkspaces } from '../../campaign/workspaces.ts'
import { createGuardrailRunner } from '../../guardrails/run/evaluate.ts'
import { loadGuardrails } from '../../guardrails/run/load-guardrails.ts'
import { createEventCatalogue } from '../../ingest/catalogue/event-catalogue.ts'
import type { EngineParts } from '../engine-parts.ts'
import { createWorker, type Worker } from '../worker.ts'
import { createWorkspaceContexts } from '../workspace-context.ts'
import { keepGoing, type RoleRun } from './keep-going.ts'

/** The owner of partitions, made of the parts of its thread. */
export async function assembleWorker(parts: EngineParts): Promise<Worker> {
  const { settings } = parts
  return createWorker({
    log: parts.log,
    store: parts.store,
    logger: parts.logger,
    clock: parts.clock,
    ...(parts.capCache === undefined ? {} : { capCache: parts.capCache }),
    contexts: createWorkspaceContexts(),
    createCatalogue: createEventCatalogue,
    decision: { guardrails: createGuardrailRunner(await loadGuardrails()) },
    steadyNowMs: () => performance.now(),
    triggerMaxAgeMs: settings.triggerMaxAgeMs,
    batchMaxMs: settings.batchMaxMs,
    recordsMax: settings.batchRecordsMax,
    workspaces: async () => (await listWorkspaces(parts.store.read)).map(({ workspace }) => workspace),
    onQueued: () => parts.wake.notify('messages'),
  })
}

const pollMs = 500
const timersEveryMs = 1000

/**
 * While PostgreSQL works at one batch, others are thought through: with two cores shared by all, 1, 2 and 3 at
 * once took 3.0k, 3.3k and 3.9k events/s. SQLite has one writer, and works in this thread.
 */
const stepsAtOnce = { sqlite: 1, postgres: 3 }

/**
 * With few records at a time a batch is nearly all transaction: SQLite's worker lets some gather before the
 * next one. With 250 decisions a second the threads beside the door took 2.1 ms of processor time each without,
 * 1.4 with 5 ms; with 500 a second and 10 ms 0.7.
 */
const lingerMs = 10
const lingerBelow = 64

/** Works until told to stop; batches under way are finished. */
export async function runWorker(parts: EngineParts, worker: Worker, role: RoleRun): Promise<void> {
  let timersAt = 0
  const fireTimers = async (): Promise<void> => {
    const now = parts.wallClock.now()
    if (now < timersAt) return
    timersAt = now + timersEveryMs
    // A full round of timers asks for the next one at once.
    if ((await worker.fireTimers()) > 0) timersAt = 0
  }
  const lingers = parts.store.dialect === 'sqlite'
  const lanes = Array.from({ length: stepsAtOnce[parts.store.dialect] }, () =>
    keepGoing(parts.logger, role, async () => {
      // Timers that are left do not wait for events.
      const taken = await worker.step(timersAt === 0 ? 0 : pollMs)
      await fireTimers()
      if (lingers && taken > 0 && taken < lingerBelow)
        await wait(lingerMs, undefined, { signal: role.stop }).catch(() => undefined)
    }),
  )
  await Promise.all(lanes)
  await worker.close()
}
