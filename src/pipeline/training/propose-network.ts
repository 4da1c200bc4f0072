import type { ApiFault } from '#contracts/errors.ts'
import type { Policy } from '#contracts/policy.ts'
import { stableId } from '#platform/ids/ids.ts'
import type { Store, WorkspaceDb } from '#platform/store/store.ts'
import { loadRunningCampaigns } from '../../campaign/campaign-rows.ts'
import {
  failCandidate,
  finishBuilding,
  insertCandidate,
  listCandidates,
  loadCandidate,
  type PolicyCandidate,
  tellBuilding,
} from '../../learning/candidate-rows.ts'
import { modelIdOf, networkFeatures, networkSchemaName } from '../../learning/networks/network-features.ts'
import { openNetwork } from '../../learning/networks/network-rows.ts'
import { latestSnapshot, type StoredSnapshot, schemaFieldsOf } from '../../learning/snapshot-rows.ts'
import { audit, type Change } from '../change-workspace.ts'
import { featureSchemaFor } from '../feature-schema-for.ts'
import type { PolicyParts } from '../policy-versions.ts'
import { buildNetworkCandidate } from './network-candidate.ts'

export type Proposal = { kind: 'proposed'; candidate: PolicyCandidate } | { kind: 'refused'; fault: ApiFault }

/**
 * Puts a policy forward whose heads look at a network's bottleneck. Noted here; the strategist teaches the
 * heads by every reward so far (`buildProposed`), and then it waits for the gate as any other candidate.
 */
export async function proposeNetwork(
  { store, clock }: PolicyParts,
  change: Change & { network: string; from: string; policy: Policy | null; heads: object[]; note: string },
): Promise<Proposal> {
  const { workspace, network: modelId, actor, note } = change
  if (change.from !== 'latest' || change.policy !== null || change.heads.length > 0) {
    return refused('invalid_request', 'a network comes alone: without from, policy and heads', 'network')
  }
  return store.transaction(async (tx): Promise<Proposal> => {
    const db = tx.workspace(workspace)
    const latest = await latestSnapshot(db)
    const network = await openNetwork(db, modelId)
    if (network === null) return refused('not_found', `there is no trained network ${modelId}`, 'network')
    if (latest === null) return refused('conflict', 'there is no policy yet: launch a campaign first')
    const name = networkSchemaName(modelId)
    if (latest.featureSchema === name) return refused('conflict', `decisions look at ${modelId} already`)
    const watched = await watchedTrait(db, network.metadata.traits)
    if (watched !== null) return refused('conflict', `${modelId} looks at ${watched}: train another one`)
    const { featureSchema: base, featureSchemaHash: hash } = network.metadata
    const learnedWith = { hash, by: `network ${modelId}` }
    const schema = networkFeatures(network, await featureSchemaFor(db, { name: base, learnedWith }))
    const now = clock.now()
    const candidateId = stableId('candidate', JSON.stringify(change), String(now))
    const candidate = { candidateId, proposedAt: now, actor, note, sinceSnapshotId: latest.snapshotId }
    const content = withoutHeads(latest, { ...schemaFieldsOf(schema) })
    await insertCandidate(db, { ...candidate, changes: 'network', state: 'building', content })
    await audit(tx, change, now, 'policy.propose', candidateId, note)
    return { kind: 'proposed', candidate: (await loadCandidate(db, candidateId))! }
  })
}

/** A trait that a live campaign watches over for fairness: nobody is chosen for by it. */
async function watchedTrait(db: WorkspaceDb, traits: readonly string[]): Promise<string | null> {
  for (const { campaignId, spec } of await loadRunningCampaigns(db)) {
    const trait = spec.fairness?.attributes.find((own) => traits.includes(own))
    if (trait !== undefined) return `${trait}, which ${campaignId} watches over`
  }
  return null
}

const candidatesMax = 100

export async function candidatesToBuild(db: WorkspaceDb): Promise<PolicyCandidate[]> {
  return (await listCandidates(db, candidatesMax)).filter(({ state }) => state === 'building')
}

/** A row in the store changes at most so often. */
const tellEveryMs = 1_000

/**
 * Teaches a proposed policy its heads. Two processes that do the same write the same: the second finds it done.
 * Nothing is written where `stop` comes first: whoever looks next begins anew.
 */
export async function buildProposed(
  parts: Pick<PolicyParts, 'clock' | 'wallClock'> & { store: Store },
  workspace: string,
  candidateId: string,
  stop?: AbortSignal,
): Promise<'proposed' | 'failed' | 'settled'> {
  const { store, clock, wallClock } = parts
  const stored = await loadCandidate(store.read.workspace(workspace), candidateId)
  const modelId = stored === null ? null : modelIdOf(stored.content.featureSchema)
  if (stored?.state !== 'building' || modelId === null) return 'settled'
  const proposedAt = clock.now()
  const teller = createTeller(parts, workspace, candidateId)
  try {
    const built = await buildNetworkCandidate(parts, workspace, modelId, wallClock.now(), (done, total) => {
      stop?.throwIfAborted()
      teller.tell(done, total)
    })
    await teller.settled()
    if (built === null) throw new Error(`there is no trained network ${modelId}`)
    return await store.transaction(async (tx) =>
      (await finishBuilding(tx.workspace(workspace), candidateId, { ...built, proposedAt }))
        ? 'proposed'
        : 'settled',
    )
  } catch (error) {
    if (stop?.aborted) throw error
    await teller.settled()
    const reason = error instanceof Error ? error.message : String(error)
    await store.transaction((tx) => failCandidate(tx.workspace(workspace), candidateId, reason))
    return 'failed'
  }
}

function createTeller(
  { store, wallClock }: Pick<PolicyParts, 'store' | 'wallClock'>,
  workspace: string,
  candidateId: string,
) {
  let toldAt = Number.NEGATIVE_INFINITY
  let writing: Promise<void> = Promise.resolve()
  return {
    tell(done: number, total: number): void {
      const now = wallClock.now()
      if (now - toldAt < tellEveryMs) return
      toldAt = now
      writing = writing
        .then(() =>
          store.transaction((tx) => tellBuilding(tx.workspace(workspace), candidateId, { done, total })),
        )
        // Progress that cannot be written is no reason to end the teaching.
        .catch(() => undefined)
    },
    settled: () => writing,
  }
}

function withoutHeads(
  latest: StoredSnapshot,
  fields: Pick<StoredSnapshot['manifest'], 'featureSchema' | 'featureSchemaHash' | 'dimensions'>,
): StoredSnapshot {
  const { featureSchema } = fields
  const { data: _, metrics: __, tailSlots: ___, ...manifest } = latest.manifest
  const content = { ...latest, featureSchema, heads: new Map(), covariances: new Map(), tails: new Map() }
  return { ...content, t: 1, manifest: { ...manifest, ...fields, rewards: 0, corrections: 0, heads: [] } }
}

function refused(code: ApiFault['code'], detail: string, field?: string): Proposal {
  return { kind: 'refused', fault: { code, detail, ...(field === undefined ? {} : { field }) } }
}
