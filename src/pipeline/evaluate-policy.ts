import type { CampaignVersion } from '#contracts/campaign.ts'
import type { PolicySnapshot } from '#contracts/decision.ts'
import { nothingHead } from '#contracts/decision.ts'
import type { ApiFault } from '#contracts/errors.ts'
import type { StoreScope, WorkspaceDb } from '#platform/store/store.ts'
import { loadCampaign } from '../campaign/campaign-rows.ts'
import { loadCandidate } from '../learning/candidate-rows.ts'
import { latestSnapshot, loadSnapshot, type StoredSnapshot } from '../learning/snapshot-rows.ts'
import { evaluateLog, type LogEvaluation } from '../report/off-policy/evaluate-log.ts'
import { featuresOfTarget } from './features-of-target.ts'
import { type LoadedLog, type LogSelection, loadDecisionLog } from './load-decision-log.ts'
import type { EvaluationTarget } from './logged-actions.ts'

export interface EvaluationRequest {
  campaignId: string
  /** `snapshot:ID`, `greedy:ID` (ID or `latest`), `candidate:ID`, `always:TREATMENT`, `nothing` or `uniform`. */
  target: string
  reward: LogSelection['reward']
  since: number
  until: number
  decisionsMax: number
}

export interface EvaluatedPolicy extends LogEvaluation {
  campaignId: string
  goalId: string
  /** The target, with `latest` resolved. */
  target: string
  reward: LogSelection['reward']
  skipped: LoadedLog['skipped']
  /** Null where no decision is left. */
  firstDecidedAt: number | null
  lastDecidedAt: number | null
}

/** What the workspace's own decisions say of another policy for a campaign. */
export async function evaluatePolicyOnLog(
  scope: StoreScope,
  workspace: string,
  request: EvaluationRequest,
  now: number,
): Promise<{ kind: 'evaluated'; report: EvaluatedPolicy } | { kind: 'refused'; fault: ApiFault }> {
  const db = scope.workspace(workspace)
  const campaign = await loadCampaign(db, request.campaignId)
  if (campaign === null) {
    return refused('not_found', `there is no campaign ${request.campaignId}`, 'campaign')
  }
  if (campaign.spec.policy.kind === 'fixed-split') {
    return refused('conflict', `${campaign.campaignId} is a fixed split: its report compares the arms`)
  }
  const parsed = await readTarget(db, request.target, campaign)
  if (parsed.kind === 'refused') return parsed
  const { stored } = parsed
  const selection: LogSelection = {
    ...selectionFor(campaign, request, parsed, now),
    ...(stored === null ? {} : { featuresOf: await featuresOfTarget(scope, workspace, stored) }),
  }
  const loaded = await loadDecisionLog(db, selection)
  const hasRows = loaded.log.n > 0
  return {
    kind: 'evaluated',
    report: {
      ...(await evaluateLog(loaded.log, loaded.log.target, nothingHead)),
      campaignId: campaign.campaignId,
      goalId: selection.goalId,
      target: parsed.name,
      reward: request.reward,
      skipped: loaded.skipped,
      firstDecidedAt: hasRows ? loaded.firstDecidedAt : null,
      lastDecidedAt: hasRows ? loaded.lastDecidedAt : null,
    },
  }
}

function selectionFor(
  { campaignId, spec }: CampaignVersion,
  { reward, since, until, decisionsMax }: EvaluationRequest,
  parsed: ParsedTarget,
  now: number,
): LogSelection {
  const { target, sinceSnapshotId } = parsed
  const goalId = spec.goal.id
  const range = { since: Math.max(since, parsed.since), until }
  return { campaignId, goalId, reward, target, now, ...range, sinceSnapshotId, decisionsMax }
}

interface ParsedTarget {
  kind: 'target'
  name: string
  target: EvaluationTarget
  sinceSnapshotId: string
  /** Decisions before that instant may have taught it. */
  since: number
  /** What draws, where that is a version or a candidate. */
  stored: StoredSnapshot | null
}
type Refused = { kind: 'refused'; fault: ApiFault }

async function readTarget(
  db: WorkspaceDb,
  text: string,
  { campaignId, spec }: CampaignVersion,
): Promise<ParsedTarget | Refused> {
  if (text === 'uniform') return fixed(text, { kind: 'uniform' })
  if (text === 'nothing') return fixed(text, { kind: 'always', action: nothingHead })
  const [kind, id] = splitAtColon(text)
  if (kind === 'always') {
    const known = spec.treatments.map(({ treatmentId }) => treatmentId)
    if (known.includes(id)) return fixed(text, { kind: 'always', action: id })
    return refused('invalid_request', `${campaignId} has no treatment ${id}: ${known.join(', ')}`, 'target')
  }
  if (kind === 'candidate') {
    const candidate = await loadCandidate(db, id)
    if (candidate === null) return refused('not_found', `there is no candidate ${id}`, 'target')
    const target = { kind: 'snapshot' as const, snapshot: candidate.content }
    const { sinceSnapshotId, content: stored } = candidate
    const since = candidate.changes === 'network' ? candidate.proposedAt : 0
    return { kind: 'target', name: text, target, sinceSnapshotId, since, stored }
  }
  if (kind === 'snapshot' || kind === 'greedy') {
    const snapshot = id === 'latest' ? await latestSnapshot(db) : await loadSnapshot(db, id)
    if (snapshot === null) return refused('not_found', `there is no policy version ${id}`, 'target')
    return snapshotTarget(kind, snapshot)
  }
  const forms = 'snapshot:ID, greedy:ID, candidate:ID, always:TREATMENT, nothing, uniform'
  return refused('invalid_request', `a target is one of ${forms}`, 'target')
}

function snapshotTarget(kind: 'snapshot' | 'greedy', snapshot: StoredSnapshot): ParsedTarget {
  const { snapshotId } = snapshot
  return {
    kind: 'target',
    name: `${kind}:${snapshotId}`,
    target: { kind, snapshot: snapshot satisfies PolicySnapshot },
    // What an earlier version knew it learned before that one's successor was there.
    sinceSnapshotId:
      snapshot.manifest.publishedBy === 'rollback' ? (snapshot.manifest.from ?? '') : snapshotId,
    since: 0,
    stored: snapshot,
  }
}

function fixed(name: string, target: EvaluationTarget): ParsedTarget {
  return { kind: 'target', name, target, sinceSnapshotId: '', since: 0, stored: null }
}

function splitAtColon(text: string): [string, string] {
  const at = text.indexOf(':')
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

function refused(code: ApiFault['code'], detail: string, field?: string): Refused {
  return { kind: 'refused', fault: { code, detail, ...(field === undefined ? {} : { field }) } }
}
