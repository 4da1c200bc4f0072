import { listWorkspaces } from '../../campaign/workspaces.ts'
import {
  claimNetwork,
  failNetwork,
  grantScores,
  listNetworks,
  newestPropensity,
  scoresWished,
} from '../../learning/networks/network-rows.ts'
import { lastScoring } from '../../profile/score-rows.ts'
import type { RoleParts } from '../engine-parts.ts'
import { createWorkspaceContexts } from '../workspace-context.ts'
import { buildProposed, candidatesToBuild } from './propose-network.ts'
import { runTraining } from './run-training.ts'
import { scoreCustomers } from './score-customers.ts'

/** Training and scoring: minutes of work, beside the strategist's steps, one thing at a time. */
export interface SlowWork {
  /** Begins what is due unless something is under way. */
  look(): void
  /** Resolves when nothing is under way. */
  settled(): Promise<void>
  stop(): Promise<void>
}

const dayMs = 86_400_000
/** Steps may follow each other at once. */
const lookEveryMs = 1_000

export function createSlowWork({ store, clock, wallClock, logger }: RoleParts): SlowWork {
  const contexts = createWorkspaceContexts()
  const parts = { store, contexts, clock, wallClock }
  const stopping = new AbortController()
  let running: Promise<void> | null = null
  let lookedAt = Number.NEGATIVE_INFINITY

  async function train(workspace: string): Promise<boolean> {
    if (!(await listNetworks(store.read.workspace(workspace))).some(({ state }) => isOpen(state)))
      return false
    const claimed = await store.transaction((tx) => claimNetwork(tx.workspace(workspace), wallClock.now()))
    if (claimed === null) return false
    try {
      const became = await runTraining(parts, workspace, claimed, stopping.signal)
      logger.info('network', { workspace, model: claimed.modelId, became })
    } catch (error) {
      // Another process takes it up again.
      if (stopping.signal.aborted) return true
      const reason = error instanceof Error ? error.message : String(error)
      logger.warn('network not trained', { workspace, model: claimed.modelId, reason })
      await store.transaction((tx) =>
        failNetwork(tx.workspace(workspace), claimed.modelId, reason, wallClock.now()),
      )
    }
    return true
  }

  /** Policies over a network that wait for their heads. */
  async function teach(workspace: string): Promise<void> {
    for (const { candidateId } of await candidatesToBuild(store.read.workspace(workspace))) {
      const became = await buildProposed(parts, workspace, candidateId, stopping.signal)
      logger.info('policy over a network', { workspace, candidate: candidateId, became })
    }
  }

  /** After each training, once a day, and when somebody asks. */
  async function score(workspace: string): Promise<boolean> {
    const db = store.read.workspace(workspace)
    const newest = await newestPropensity(db)
    if (newest === null) return false
    const last = await lastScoring(db)
    const isFresh = last?.modelId === newest.modelId && clock.now() - last.at < dayMs
    const isWished = newest.progress.stage === scoresWished
    if (isFresh && !isWished) return false
    const result = await scoreCustomers(parts, workspace, stopping.signal)
    if (isWished) await store.transaction((tx) => grantScores(tx.workspace(workspace), newest))
    logger.info('customers scored', { workspace, ...result })
    return true
  }

  async function work(): Promise<void> {
    try {
      for (const { workspace } of await listWorkspaces(store.read)) {
        while ((await train(workspace)) && !stopping.signal.aborted);
        if (!stopping.signal.aborted) await teach(workspace)
        if (!stopping.signal.aborted) await score(workspace)
      }
    } catch (error) {
      if (stopping.signal.aborted) return
      logger.warn('training or scoring failed', { reason: String(error) })
    }
  }

  return {
    look() {
      const now = wallClock.now()
      if (running !== null || stopping.signal.aborted || Math.abs(now - lookedAt) < lookEveryMs) return
      lookedAt = now
      running = work().finally(() => {
        running = null
      })
    },
    async settled() {
      await running
    },
    async stop() {
      stopping.abort()
      await running
    },
  }
}

function isOpen(state: string): boolean {
  return state === 'queued' || state === 'training'
}
