import type { CampaignVersion } from '#contracts/campaign.ts'
import type { PolicySnapshot } from '#contracts/decision.ts'
import { nothingHead } from '#contracts/decision.ts'
import type { ApiFault } from '#contracts/errors.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { loadCampaign } from '../campaign/campaign-rows.ts'
import { loadCandidate } from '../learning/candidate-rows.ts'
import { latestSnapshot, loadSnapshot, type StoredSnapshot } from '../learning/snapshot-rows.ts'
import { evaluateLog, type LogEvaluation } from '../report/off-policy/evaluate-log.ts'
import {
  type EvaluationTarget,
  type LoadedLog,
  type LogSelection,
  loadDecisionLog,
} from './load-decision-log.ts'

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
  db: WorkspaceDb,
  request: EvaluationRequest,
  now: number,
): Promise<{ kind: 'evaluated'; report: EvaluatedPolicy } | { kind: 'refused'; fault: ApiFault }> {
  const campaign = await loadCampaign(db, request.campaignId)
  if (campaign === null) {
    return refused('not_found', `there is no campaign ${request.campaignId}`, 'campaign')
  }
  if (campaign.spec.policy.kind === 'fixed-split') {
    return refused('conflict', `${campaign.campaignId} is a fixed split: its report compares the arms`)
  }
  const parsed = await readTarget(db, request.target, campaign)
  if (parsed.kind === 'refused') return parsed
  const selection = selectionFor(campaign, request, parsed, now)
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
  { target, sinceSnapshotId }: { target: EvaluationTarget; sinceSnapshotId: string },
  now: number,
): LogSelection {
  const goalId = spec.goal.id
  return { campaignId, goalId, reward, target, now, since, until, sinceSnapshotId, decisionsMax }
}

type ParsedTarget = { kind: 'target'; name: string; target: EvaluationTarget; sinceSnapshotId: string }
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
    return { kind: 'target', name: text, target, sinceSnapshotId: candidate.sinceSnapshotId }
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
  }
}

function fixed(name: string, target: EvaluationTarget): ParsedTarget {
  return { kind: 'target', name, target, sinceSnapshotId: '' }
}

function splitAtColon(text: string): [string, string] {
  const at = text.indexOf(':')
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

function refused(code: ApiFault['code'], detail: string, field?: string): Refused {
  return { kind: 'refused', fault: { code, detail, ...(field === undefined ? {} : { field }) } }
}
