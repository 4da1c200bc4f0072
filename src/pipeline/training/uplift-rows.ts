import type { CampaignSpec } from '#contracts/campaign.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { listAssignments } from '../../campaign/assignment-rows.ts'
import { loadDecisionsById } from '../../decision/decision-rows.ts'
import { decodeDecision } from '../../decision/record.ts'
import { type CustomerHistory, featureInputAsOf, loadCustomerHistories } from '../customer-history.ts'
import { meets } from './propensity-rows.ts'
import type { TrainingData, TrainingRow, TrainingSources } from './training-data.ts'

const rowsPerPage = 100

/**
 * Rows for uplift: everybody of the campaign's population at the moment they entered it, with whether they met
 * its goal in its window; who got the campaign teaches one head, who was held out the other. The features
 * are those of the decision's own record where it has this schema, else they are made again as of the event that
 * triggered it.
 */
export async function upliftData(
  db: WorkspaceDb,
  sources: TrainingSources,
  { spec, now }: { spec: CampaignSpec; now: number },
  onProgress: (done: number, total: number) => void,
): Promise<TrainingData> {
  const windowMs = spec.goal.windowHours * 3_600_000
  const closed = (await listAssignments(db, spec.campaignId)).filter((row) => row.enteredAt + windowMs <= now)
  const rows: TrainingRow[] = []
  for (let from = 0; from < closed.length; from += rowsPerPage) {
    const page = closed.slice(from, from + rowsPerPage)
    const ids = page.map(({ customerId }) => customerId)
    const histories = new Map((await loadCustomerHistories(db, ids)).map((own) => [own.customerId, own]))
    const decisions = await loadDecisionsById(
      db,
      page.map(({ decisionId }) => decisionId),
    )
    for (const { customerId, enteredAt, heldOut, decisionId } of page) {
      const history = histories.get(customerId)
      const decision = decisions.get(decisionId)
      if (history === undefined) continue
      const entered = featuresThen(history, sources, enteredAt, decision)
      if (entered === null) continue
      const met = meets(history, spec.goal, entered.profile, enteredAt - 1, enteredAt + windowMs)
      const labels = new Map([[heldOut ? 'held-out' : 'treated', met ? (1 as const) : (0 as const)]])
      rows.push({ customerId, at: enteredAt, x: entered.x, labels })
    }
    onProgress(from + page.length, closed.length)
  }
  const meaning = `meets the goal ${spec.goal.id} within ${spec.goal.windowHours} hours`
  return {
    schema: sources.schema,
    traits: sources.traits,
    heads: [
      { name: 'treated', meaning: `${meaning}, with the campaign ${spec.campaignId}` },
      { name: 'held-out', meaning: `${meaning}, without it` },
    ],
    rows,
    range: {
      from: rows.reduce((min, { at }) => Math.min(min, at), now),
      to: rows.reduce((max, { at }) => Math.max(max, at), 0),
    },
    customers: rows.length,
    limits: [],
  }
}

function featuresThen(
  history: CustomerHistory,
  sources: TrainingSources,
  enteredAt: number,
  decision: { trigger_kind: string; trigger_id: string; record: Uint8Array } | undefined,
) {
  const known =
    decision?.trigger_kind === 'event'
      ? ({ kind: 'event', eventId: decision.trigger_id } as const)
      : ({ kind: 'served', at: enteredAt } as const)
  const input = featureInputAsOf(history, known, sources)
  if (input === null) return null
  const { profile } = input
  if (decision !== undefined) {
    const decoded = decodeDecision(decision.record)
    // Of several campaigns the declared traits were put together.
    const alone = decoded.campaigns.length === 1
    if (alone && decoded.featureSchema === sources.schema.name) return { profile, x: decoded.features }
  }
  return { profile, x: sources.schema.vector(input).dense }
}
