import type { CampaignVersion } from '#contracts/campaign.ts'
import type { PolicySnapshot } from '#contracts/decision.ts'
import type { ApiFault } from '#contracts/errors.ts'
import type { RowOf, StoreScope, WorkspaceDb } from '#platform/store/store.ts'
import { loadCampaignVersion } from '../campaign/campaign-rows.ts'
import { loadDecision } from '../decision/decision-rows.ts'
import { type DecisionExplanation, explainDecision, namesOf } from '../decision/explain.ts'
import { decodeDecision } from '../decision/record.ts'
import { checkReplay, type ReplayResult, type ReplaySources } from '../decision/replay.ts'
import { type Change, whatIf } from '../decision/what-if.ts'
import { loadSnapshot } from '../learning/snapshot-rows.ts'
import { emptySnapshot } from './workspace-context.ts'

export interface ExplainedDecision {
  row: RowOf<'decisions'>
  explanation: DecisionExplanation
  /** Messages that the decision made. */
  messageIds: string[]
  /** The words they came in, where the outbox keeps them. */
  copies: Copy[]
}

export interface Copy {
  messageId: string
  channel: string
  subject: string
  /** The text's beginning. */
  opening: string
}

type Refused = { kind: 'refused'; fault: ApiFault }

/** Why a decision came out as it did. `id` is the decision's, or that of a message it made. */
export async function explain(
  scope: StoreScope,
  workspace: string,
  id: string,
): Promise<({ kind: 'explained' } & ExplainedDecision) | Refused> {
  const db = scope.workspace(workspace)
  const row = await findDecision(db, id)
  if (row === null) return noDecision(id)
  if (row.outcome === 'degraded') return notDrawn(row)
  const decoded = decodeDecision(row.record)
  const campaigns = await versionsOf(db, decoded.campaigns)
  if ('fault' in campaigns) return { kind: 'refused', fault: campaigns.fault }
  const messages = await db
    .selectFrom('messages')
    .leftJoin('outbox', (join) =>
      join
        .onRef('outbox.workspace', '=', 'messages.workspace')
        .onRef('outbox.message_id', '=', 'messages.message_id'),
    )
    .select(['messages.message_id', 'messages.channel', 'outbox.subject', 'outbox.text'])
    .where('messages.customer_id', '=', row.customer_id)
    .where('messages.decision_id', '=', row.decision_id)
    .execute()
  return {
    kind: 'explained',
    row,
    explanation: explainDecision(decoded, campaigns.versions, await snapshotOf(db, decoded.snapshotId)),
    messageIds: messages.map((message) => message.message_id),
    copies: messages.flatMap(({ message_id: messageId, channel, subject, text }) =>
      text === null ? [] : [{ messageId, channel, subject: subject ?? '', opening: openingOf(text) }],
    ),
  }
}

const openingCharactersMax = 200

function openingOf(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length <= openingCharactersMax ? line : `${line.slice(0, openingCharactersMax)}…`
}

/** Decides once more from the record, with the snapshot and the campaign versions that it names. */
export async function replay(
  scope: StoreScope,
  workspace: string,
  id: string,
): Promise<({ kind: 'replayed'; decisionId: string } & { result: ReplayResult }) | Refused> {
  const found = await findReplayable(scope, workspace, id)
  if (found.kind === 'refused') return found
  const { row, sources } = found
  return { kind: 'replayed', decisionId: row.decision_id, result: checkReplay(row.record, sources) }
}

/** The same decision with one input changed, explained; nothing is stored. */
export async function explainWhatIf(
  scope: StoreScope,
  workspace: string,
  id: string,
  change: Change,
): Promise<{ kind: 'explained'; before: DecisionExplanation; after: DecisionExplanation } | Refused> {
  const found = await findReplayable(scope, workspace, id)
  if (found.kind === 'refused') return found
  const { row, sources } = found
  const recorded = decodeDecision(row.record)
  const again = whatIf(row.record, sources, namesOf(recorded.featureSchema), change)
  if (again.kind === 'refused') {
    return { kind: 'refused', fault: { code: 'invalid_request', detail: again.detail, field: 'change' } }
  }
  return {
    kind: 'explained',
    before: explainDecision(recorded, sources.campaigns, sources.snapshot),
    after: explainDecision(again.decoded, again.campaigns, sources.snapshot),
  }
}

async function findReplayable(
  scope: StoreScope,
  workspace: string,
  id: string,
): Promise<{ kind: 'found'; row: RowOf<'decisions'>; sources: ReplaySources } | Refused> {
  const db = scope.workspace(workspace)
  const row = await findDecision(db, id)
  if (row === null) return noDecision(id)
  if (row.outcome === 'degraded') return notDrawn(row)
  const { campaigns, snapshotId } = decodeDecision(row.record)
  const versions = await versionsOf(db, campaigns)
  if ('fault' in versions) return { kind: 'refused', fault: versions.fault }
  const snapshot = await snapshotOf(db, snapshotId)
  if (snapshot === null) {
    const detail = `the policy snapshot ${snapshotId} that it names is not kept any more`
    return { kind: 'refused', fault: { code: 'conflict', detail } }
  }
  return { kind: 'found', row, sources: { snapshot, campaigns: versions.versions } }
}

async function snapshotOf(db: WorkspaceDb, snapshotId: string): Promise<PolicySnapshot | null> {
  return snapshotId === emptySnapshot.snapshotId ? emptySnapshot : await loadSnapshot(db, snapshotId)
}

async function findDecision(db: WorkspaceDb, id: string): Promise<RowOf<'decisions'> | null> {
  const direct = await loadDecision(db, id)
  if (direct !== null) return direct
  const message = await db
    .selectFrom('messages')
    .select('messages.decision_id')
    .where('messages.message_id', '=', id)
    .executeTakeFirst()
  return message === undefined ? null : loadDecision(db, message.decision_id)
}

async function versionsOf(
  db: WorkspaceDb,
  named: readonly { campaignId: string; version: number }[],
): Promise<{ versions: CampaignVersion[] } | { fault: ApiFault }> {
  const versions: CampaignVersion[] = []
  for (const { campaignId, version } of named) {
    const found = await loadCampaignVersion(db, campaignId, version)
    if (found === null) {
      return {
        fault: { code: 'conflict', detail: `version ${version} of ${campaignId} is not kept any more` },
      }
    }
    versions.push(found)
  }
  return { versions }
}

/** The answer could not wait: there is nothing to explain but that. */
function notDrawn({ decision_id, treatment_id }: RowOf<'decisions'>): Refused {
  const detail = `${decision_id} was given without a decision, because it could not wait: ${treatment_id} is the placement's default`
  return { kind: 'refused', fault: { code: 'conflict', detail } }
}

function noDecision(id: string): Refused {
  return {
    kind: 'refused',
    fault: { code: 'not_found', detail: `no decision and no message has the id ${id}` },
  }
}
