import type { ApiFault } from '#contracts/errors.ts'
import type { RowOf, StoreScope, WorkspaceDb } from '#platform/store/store.ts'
import { loadDecision } from '../decision/decision-rows.ts'
import { type DecisionExplanation, explainDecision } from '../decision/explain.ts'
import { builtInFeatureSchemas } from '../decision/feature-schemas.ts'
import { decodeDecision } from '../decision/record.ts'
import { checkReplay, type ReplayResult, type ReplaySources } from '../decision/replay.ts'
import { type Change, whatIf } from '../decision/what-if.ts'
import { outcomeOf } from '../guardrails/run/evaluate.ts'
import { type NetworkInputs, networkInputsOf } from './network-inputs.ts'
import { createReplaySourceReader } from './replay-sources.ts'
import { tailNamesOf } from './tail-names.ts'
import { type TemplateStanding, templateStandingOf } from './template-standing.ts'

export interface ExplainedDecision {
  row: RowOf<'decisions'>
  explanation: DecisionExplanation
  /** Messages that the decision made. */
  messageIds: string[]
  /** The words they came in, where the outbox keeps them. */
  copies: Copy[]
  /** Which words were drawn, and why they were there; null where no treatment was. */
  template: TemplateStanding | null
  /** In terms of what a network looks at, where its bottleneck was the features; else null. */
  network: NetworkInputs | null
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
  const reader = createReplaySourceReader()
  const campaigns = await reader.versions(db, decoded.campaigns)
  if (campaigns.kind === 'gone') return conflict(campaigns.detail)
  const snapshot = await reader.snapshot(db, decoded.snapshotId)
  const names = await tailNamesOf(db, decoded, campaigns.versions)
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
  const explanation = explainDecision(decoded, campaigns.versions, snapshot, names)
  const { drawn } = explanation
  return {
    kind: 'explained',
    row,
    explanation,
    template: await templateStandingOf(db, decoded, campaigns.versions),
    network: await networkInputsOf(scope, decoded, { customerId: row.customer_id, drawn }, snapshot),
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
  const again = whatIf(row.record, sources, change, outcomeOf)
  if (again.kind === 'refused') {
    return { kind: 'refused', fault: { code: 'invalid_request', detail: again.detail, field: 'change' } }
  }
  const names = await tailNamesOf(scope.workspace(workspace), recorded, sources.campaigns)
  // One that the customer does not have has its name from the change.
  const own = change.kind === 'feature' ? slotNamed(recorded.featureSchema, change.name) : null
  if (own !== null && change.kind === 'feature' && !names.has(own)) names.set(own, change.name)
  return {
    kind: 'explained',
    before: explainDecision(recorded, sources.campaigns, sources.snapshot, names),
    after: explainDecision(again.decoded, again.campaigns, sources.snapshot, names),
  }
}

/** Of the tail; null where no feature of it is called so. */
function slotNamed(featureSchema: string, name: string): number | null {
  return builtInFeatureSchemas.get(featureSchema)?.tailSlotOf?.(name) ?? null
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
  const sources = await createReplaySourceReader().sources(db, decodeDecision(row.record))
  if (sources.kind === 'gone') return conflict(sources.detail)
  return { kind: 'found', row, sources }
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

/** The answer could not wait: there is nothing to explain but that. */
function notDrawn({ decision_id, treatment_id }: RowOf<'decisions'>): Refused {
  const detail = `${decision_id} was given without a decision, because it could not wait: ${treatment_id} is the placement's default`
  return conflict(detail)
}

function conflict(detail: string): Refused {
  return { kind: 'refused', fault: { code: 'conflict', detail } }
}

function noDecision(id: string): Refused {
  return {
    kind: 'refused',
    fault: { code: 'not_found', detail: `no decision and no message has the id ${id}` },
  }
}
