import { setTimeout as wait } from 'node:timers/promises'
import { listWorkspaces } from '../../campaign/workspaces.ts'
import { loadRecords } from '../../decision/decision-rows.ts'
import { firstFeatureSchema } from '../../decision/feature-schemas.ts'
import { decodeDecision } from '../../decision/record.ts'
import { closeWindows } from '../../learning/close-windows.ts'
import { createLearner } from '../../learning/learner.ts'
import type { RoleParts } from '../engine-parts.ts'
import { createFeedWork, type FeedWork } from '../items/feed-work.ts'
import { keepHouse, keepPartitions } from '../keep-house.ts'
import { promoteWhatPasses } from '../policy-versions.ts'
import { promoteTemplatesThatPass } from '../template-versions.ts'
import { createSlowWork, type SlowWork } from '../training/slow-work.ts'
import { watchDeliverability } from '../watch-deliverability.ts'
import { touchWorkspace } from '../workspace-context.ts'
import { keepGoing, type RoleRun } from './keep-going.ts'

export interface Strategist {
  /** Deletes what is kept no longer; promotes policies and words that pass the gate, where that is allowed. */
  keepHouse(): Promise<void>
  /** Pauses campaigns whose messages come back or are complained of too often. */
  watchDeliverability(): Promise<void>
  /** Closes windows that ended and learns from what came in. Returns rows handled; 0 means nothing is left. */
  step(): Promise<number>
  /** Training and scoring, which go on beside the steps. */
  slowWork: SlowWork
  /** Fetching feeds of items, which goes on beside them too. */
  feeds: FeedWork
}

const windowsPerStep = 500
/** An event may still be in the log when its window ends: windows close this much later. */
const closeGraceMs = 60_000

export function assembleStrategist(parts: RoleParts): Strategist {
  const learner = createLearner({
    store: parts.store,
    wallClock: parts.wallClock,
    loadRecords,
    decodeFeatures: decodeDecision,
    firstFeatureSchema,
    onPublished: touchWorkspace,
  })
  const slowWork = createSlowWork(parts)
  return {
    slowWork,
    feeds: createFeedWork(parts),
    async keepHouse() {
      const now = parts.wallClock.now()
      const { eventsKeepDays } = parts.settings
      const partitions = await keepPartitions(parts.store, { now, eventsKeepDays })
      if (partitions !== null && partitions.left.length > 0)
        parts.logger.warn('partitions left for the next round', { left: partitions.left.join('; ') })
      for (const { workspace } of await listWorkspaces(parts.store.read)) {
        await keepHouse(parts.store, workspace, { now, eventsKeepDays })
        await promoteWhatPasses(parts, workspace)
        await promoteTemplatesThatPass(parts, workspace)
      }
    },
    async watchDeliverability() {
      for (const { workspace } of await listWorkspaces(parts.store.read))
        await watchDeliverability(parts, workspace)
    },
    async step() {
      let handled = 0
      for (const { workspace } of await listWorkspaces(parts.store.read)) {
        handled += await parts.store.transaction((tx) =>
          closeWindows(tx.workspace(workspace), {
            now: parts.clock.now(),
            closeGraceMs,
            limit: windowsPerStep,
          }),
        )
        handled += (await learner.step(workspace)).rewards
      }
      return handled
    },
  }
}

const idleMs = 1000
const keepHouseEveryMs = 3_600_000
const watchEveryMs = 10_000

export async function runStrategist(parts: RoleParts, strategist: Strategist, role: RoleRun): Promise<void> {
  let keepHouseAt = 0
  let watchAt = 0
  await keepGoing(parts.logger, role, async () => {
    const now = parts.wallClock.now()
    if (now >= keepHouseAt) {
      await strategist.keepHouse()
      keepHouseAt = now + keepHouseEveryMs
    }
    if (now >= watchAt) {
      await strategist.watchDeliverability()
      watchAt = now + watchEveryMs
    }
    strategist.slowWork.look()
    strategist.feeds.look()
    if ((await strategist.step()) === 0)
      await wait(idleMs, undefined, { signal: role.stop }).catch(() => undefined)
  })
  await Promise.all([strategist.slowWork.stop(), strategist.feeds.stop()])
}
