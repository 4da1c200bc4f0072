import type { Clock } from '#contracts/clock.ts'
import { headKey } from '#contracts/decision.ts'
import type { ApiFault } from '#contracts/errors.ts'
import type { Policy } from '#contracts/policy.ts'
import { stableId } from '#platform/ids/ids.ts'
import type { Store, StoreTransaction } from '#platform/store/store.ts'
import {
  deleteCandidateState,
  insertCandidate,
  listCandidates,
  loadCandidate,
  loadCandidateState,
  loadPolicySettings,
  markPromoted,
  type PolicyCandidate,
  type PolicySettings,
  savePolicySettings,
  saveVerdict,
} from '../learning/candidate-rows.ts'
import { loadState } from '../learning/learner-state.ts'
import { publishPolicy, publishVersion, withPolicy } from '../learning/publish-version.ts'
import { latestSnapshot, loadSnapshot, type StoredSnapshot } from '../learning/snapshot-rows.ts'
import { audit, type Change } from './change-workspace.ts'
import { type CandidateVerdict, judgeCandidate } from './judge-candidate.ts'
import { catchUp, type NetworkCandidate, publishNetworkCandidate } from './training/network-candidate.ts'
import { touchWorkspace } from './workspace-context.ts'

export interface PolicyParts {
  store: Store
  clock: Clock
  wallClock: Clock
}

type Refused = { kind: 'refused'; fault: ApiFault }

/** Weights made elsewhere, for one head. */
export interface ProposedHead {
  campaignId: string
  /** `treatmentId` or 'nothing'. */
  head: string
  weights: number[]
  /** It was trained on so many. */
  rewards: number
  meanReward: number | null
}

/** Puts a policy forward: the content of a version, with the way of drawing and the heads given in place of its own. */
export async function proposePolicy(
  parts: PolicyParts,
  change: Change & {
    from: string
    policy: Policy | null
    heads: ProposedHead[]
    seed: number | null
    note: string
  },
): Promise<{ kind: 'proposed'; candidate: PolicyCandidate } | Refused> {
  return parts.store.transaction(
    async (tx): Promise<{ kind: 'proposed'; candidate: PolicyCandidate } | Refused> => {
      const db = tx.workspace(change.workspace)
      const latest = await latestSnapshot(db)
      const base = change.from === 'latest' ? latest : await loadSnapshot(db, change.from)
      if (base === null || latest === null) {
        return refused('not_found', `there is no policy version ${change.from}`, 'from')
      }
      if (base.featureSchema !== latest.featureSchema) return otherFeatures(base, latest)
      const fault = faultOf(change.heads, base)
      if (fault !== null) return refused('invalid_request', fault, 'heads')
      const withOwnHeads = withHeads(base, change.heads, change.seed)
      const content =
        change.policy === null
          ? withOwnHeads
          : withPolicy(withOwnHeads, change.policy, (await loadState(db))?.state ?? null)
      const now = parts.clock.now()
      const candidateId = stableId('candidate', JSON.stringify(change), String(now))
      await insertCandidate(db, {
        candidateId,
        proposedAt: now,
        actor: change.actor,
        note: change.note,
        changes: change.heads.length > 0 ? 'heads' : change.policy === null ? 'version' : 'policy',
        // Heads from elsewhere may have been trained on all there was.
        sinceSnapshotId: change.heads.length > 0 ? latest.snapshotId : base.snapshotId,
        content,
      })
      await audit(tx, change, now, 'policy.propose', candidateId, change.note)
      return { kind: 'proposed', candidate: (await loadCandidate(db, candidateId))! }
    },
  )
}

export type Promotion =
  | { kind: 'promoted'; snapshotId: string; verdict: CandidateVerdict; override: string | null }
  | (Refused & { verdict?: CandidateVerdict })

/**
 * Lets a candidate go live if the gate passes it on today's log, or because a named person says so: then
 * with the reason given. Either way the audit keeps who, when, why and the gate's figures.
 */
export async function promotePolicy(
  parts: PolicyParts,
  change: Change & { candidateId: string; override: string | null },
): Promise<Promotion> {
  const { store, clock, wallClock } = parts
  const { workspace, candidateId, override } = change
  const db = store.read.workspace(workspace)
  const candidate = await loadCandidate(db, candidateId)
  if (candidate === null) return refused('not_found', `there is no candidate ${candidateId}`)
  if (candidate.state !== 'proposed')
    return refused('conflict', `${candidateId} is ${wordOf[candidate.state]}`)
  // Reading and judging the log takes seconds: not inside the transaction.
  const now = clock.now()
  const verdict = await judgeCandidate(store.read, workspace, candidate, now)
  const network = verdict.passed || override !== null ? await grownNetwork(parts, workspace, candidate) : null
  return store.transaction(async (tx): Promise<Promotion> => {
    const own = tx.workspace(workspace)
    await saveVerdict(own, candidateId, { verdict, judgedAt: now })
    if (!verdict.passed && override === null) {
      const detail = `${verdict.reasons.join('; ')}. Override it with a reason, or wait for more decisions`
      return { ...refused('gate_refused', detail), verdict }
    }
    const snapshotId = await publishCandidate(tx, workspace, { candidate, network }, wallClock.now())
    if (snapshotId === null && candidate.changes === 'network')
      return refused('conflict', `rewards were learned while ${candidateId} took them in: ask again`)
    if (snapshotId === null) return refused('conflict', `${candidateId} is for another feature schema`)
    if (!(await markPromoted(own, candidateId, snapshotId))) {
      throw new Error(`candidate ${candidateId} was promoted twice`)
    }
    await touchWorkspace(tx, workspace)
    const note = override ?? 'passed the promotion gate'
    await audit(tx, change, now, verdict.passed ? 'policy.promote' : 'policy.override', candidateId, note, {
      snapshotId,
      verdict,
    })
    return { kind: 'promoted', snapshotId, verdict, override }
  })
}

const wordOf = {
  building: 'being built still',
  promoted: 'promoted already',
  failed: 'not to be had: it could not be built',
} as const

/** A network's candidate with the rewards learned since it was proposed; null where it is none. */
async function grownNetwork(
  parts: PolicyParts,
  workspace: string,
  { candidateId, changes, content }: PolicyCandidate,
): Promise<NetworkCandidate | null> {
  if (changes !== 'network') return null
  const learned = await loadCandidateState(parts.store.read.workspace(workspace), candidateId)
  if (learned === null) throw new Error(`candidate ${candidateId} has no state`)
  return catchUp(parts, workspace, { content, ...learned })
}

/** A way of drawing is put over what is learned by now; anything else replaces it. */
async function publishCandidate(
  tx: StoreTransaction,
  workspace: string,
  { candidate, network }: { candidate: PolicyCandidate; network: NetworkCandidate | null },
  now: number,
): Promise<string | null> {
  const db = tx.workspace(workspace)
  const { candidateId: from, changes, content } = candidate
  if (network !== null) {
    await deleteCandidateState(db, from)
    return publishNetworkCandidate(tx, workspace, network, { from, now })
  }
  if (changes === 'policy' && content.policy !== undefined) {
    return publishPolicy(db, { policy: content.policy, from, now })
  }
  const origin = changes === 'heads' ? 'other' : 'own'
  return publishVersion(db, { content, from, publishedBy: 'promotion', origin, now })
}

/** Puts an earlier version's content in force again, as a new version. */
export async function rollBackPolicy(
  parts: PolicyParts,
  change: Change & { to: string; reason: string },
): Promise<{ kind: 'rolled-back'; snapshotId: string } | Refused> {
  return parts.store.transaction(
    async (tx): Promise<{ kind: 'rolled-back'; snapshotId: string } | Refused> => {
      const db = tx.workspace(change.workspace)
      const content = await earlierVersion(tx, change)
      if (content === null)
        return refused('not_found', `there is no earlier policy version ${change.to}`, 'to')
      const snapshotId = await publishVersion(db, {
        content,
        from: content.snapshotId,
        publishedBy: 'rollback',
        origin: 'own',
        now: parts.wallClock.now(),
      })
      if (snapshotId === null) {
        const { featureSchema } = content
        return refused('conflict', `${content.snapshotId} is for the feature schema ${featureSchema}`, 'to')
      }
      await touchWorkspace(tx, change.workspace)
      const figures = { snapshotId }
      await audit(
        tx,
        change,
        parts.clock.now(),
        'policy.rollback',
        content.snapshotId,
        change.reason,
        figures,
      )
      return { kind: 'rolled-back', snapshotId }
    },
  )
}

/** Where the workspace allows it: promotes what passes. Resolves to the versions published. */
export async function promoteWhatPasses(parts: PolicyParts, workspace: string): Promise<string[]> {
  const db = parts.store.read.workspace(workspace)
  if (!(await loadPolicySettings(db)).automatic) return []
  const published: string[] = []
  for (const { candidateId, state } of await listCandidates(db, candidatesPerRound)) {
    if (state !== 'proposed') continue
    const change = { workspace, actor: 'strategist', candidateId, override: null }
    const result = await promotePolicy(parts, change)
    if (result.kind === 'promoted') published.push(result.snapshotId)
  }
  return published
}

const candidatesPerRound = 100

export async function changePolicySettings(
  parts: PolicyParts,
  change: Change & { patch: Partial<PolicySettings> },
): Promise<PolicySettings> {
  return parts.store.transaction(async (tx) => {
    const db = tx.workspace(change.workspace)
    const settings = { ...(await loadPolicySettings(db)), ...change.patch }
    await savePolicySettings(db, settings)
    const now = parts.clock.now()
    await audit(tx, change, now, 'policy.settings', Object.keys(change.patch).join(' '), '', settings)
    return settings
  })
}

/** `previous`: the one before the version in force. */
async function earlierVersion(
  tx: StoreTransaction,
  { workspace, to }: { workspace: string; to: string },
): Promise<StoredSnapshot | null> {
  const db = tx.workspace(workspace)
  const latest = await latestSnapshot(db)
  if (latest === null) return null
  const id = to === 'previous' ? latest.manifest.parent : to
  const found = id === '' ? null : await loadSnapshot(db, id)
  return found === null || found.sequence >= latest.sequence ? null : found
}

function withHeads(base: StoredSnapshot, heads: ProposedHead[], seed: number | null): StoredSnapshot {
  if (heads.length === 0) return base
  const weights = new Map(base.heads)
  // Made for the dense features alone: what the head's tail had learned does not go with them.
  const tails = new Map(base.tails)
  const replaced = new Set(heads.map(({ campaignId, head }) => headKey(campaignId, head)))
  for (const { campaignId, head, weights: own } of heads) {
    weights.set(headKey(campaignId, head), Float64Array.from(own))
    tails.delete(headKey(campaignId, head))
  }
  const kept = base.manifest.heads.filter(({ campaignId, head }) => !replaced.has(headKey(campaignId, head)))
  const entries = heads.map(({ campaignId, head, rewards, meanReward }) => ({
    campaignId,
    head,
    rewards,
    meanReward,
    inheritedFrom: '',
  }))
  // Neither the data nor the metrics are the learner's any more: each head says its own.
  const { data: _, metrics: __, ...manifest } = base.manifest
  return { ...base, heads: weights, tails, manifest: { ...manifest, seed, heads: [...kept, ...entries] } }
}

function faultOf(heads: ProposedHead[], base: StoredSnapshot): string | null {
  const { dimensions, campaigns } = base.manifest
  for (const { campaignId, head, weights } of heads) {
    if (weights.length !== dimensions)
      return `${campaignId} ${head}: ${weights.length} weights, not ${dimensions}`
    if (!campaigns.some((campaign) => campaign.campaignId === campaignId)) {
      return `the policy does not know the campaign ${campaignId}`
    }
  }
  return null
}

function otherFeatures(base: StoredSnapshot, latest: StoredSnapshot): Refused {
  const detail = `${base.snapshotId} is for the feature schema ${base.featureSchema}, now it is ${latest.featureSchema}`
  return refused('conflict', detail, 'from')
}

function refused(code: ApiFault['code'], detail: string, field?: string): Refused {
  return { kind: 'refused', fault: { code, detail, ...(field === undefined ? {} : { field }) } }
}
