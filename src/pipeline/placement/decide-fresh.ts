import type { FrequencyCap } from '#contracts/campaign.ts'
import type { DecisionPayload, LogRecord } from '#contracts/event.ts'
import type { Store, StoreTransaction } from '#platform/store/store.ts'
import { insertRanks, rankSlot } from '../../decision/decision-rank-rows.ts'
import { prepareDecision, type TriggeredDecision } from '../decision-input.ts'
import { loadSlots } from '../load-slots.ts'
import type { WorkspaceContext } from '../workspace-context.ts'
import { rankRows } from './apply-decision.ts'
import { isSomebody } from './asked.ts'
import { chosenPayload, decisionRecord } from './decision-record.ts'
import { type DrawnRank, drawRanks } from './draw-ranks.ts'
import type { PlacementRequest } from './placement-request.ts'
import type { PlacementFacts } from './read-facts.ts'
import type { Own, Run } from './run.ts'

/** What the requests of a call are decided by. */
export interface ReadForAll {
  context: WorkspaceContext
  facts: PlacementFacts
  /** Of the ids that a request with a key may have had before, those that are decided. */
  stored: ReadonlySet<string>
}

export interface FreshDecision {
  index: number
  asked: TriggeredDecision
  ranks: DrawnRank[]
  record: LogRecord<DecisionPayload>
}

/** As many at a time as others wait for: a decision takes some tenths of a millisecond. */
const turnMax = 8

/**
 * Where what is shown here counts with what others send or show: one after the other, on the customers' locks,
 * from the look at their slots until what is given stands in the ledger. The record in the log is what makes it
 * safe, so this waits for no disk.
 */
export async function decideInTurn(
  own: Own,
  run: Run,
  read: ReadForAll,
  open: readonly number[],
): Promise<FreshDecision[] | 'late'> {
  const decided: FreshDecision[] = []
  for (let from = 0; from < open.length; from += turnMax) {
    const some = open.slice(from, from + turnMax)
    const turn = (tx: StoreTransaction) => takeTurn(tx, own, run, read, some)
    const part = await own.parts.store.transaction(turn, { durable: 'later' })
    if (part === 'late') return 'late'
    decided.push(...part)
  }
  return decided
}

async function takeTurn(
  tx: StoreTransaction,
  own: Own,
  run: Run,
  { context, facts, stored }: ReadForAll,
  open: readonly number[],
): Promise<FreshDecision[] | 'late'> {
  const db = tx.workspace(run.workspace)
  const asked = open.map((index) => run.asked?.[index]?.customer.customerId ?? '')
  const customerIds = [...new Set(asked)]
  await db.lockCustomers(customerIds)
  const contacts = await loadSlots(db, context, customerIds, run.now)
  if (run.isLate()) return 'late'
  const decided = decideFresh(own, run, { context, facts: { ...facts, contacts }, stored }, open)
  const rows = decided.flatMap(({ record }) => rankRows(record))
  await insertRanks(db, rows)
  return decided
}

/** Decides these requests, by their places in the call; one that no audience has is left out. */
export function decideFresh(
  { parts, recent }: Own,
  { workspace, requests, receivedAt, asked }: Run,
  { facts }: ReadForAll,
  open: readonly number[],
): FreshDecision[] {
  return open.flatMap((index) => {
    const own = asked?.[index] as TriggeredDecision
    const request = requests[index] as PlacementRequest
    const { customerId } = own.customer
    facts.contacts.set(
      customerId,
      recent.withRecent(workspace, customerId, facts.contacts.get(customerId) ?? []),
    )
    const prepared = prepareDecision(parts, facts, own)
    if (prepared === null) return []
    const ranks = drawRanks(prepared.input, request.count, receivedAt)
    const about = { placement: request.placement, receivedAt, isCounted: isSomebody(request) }
    const record = decisionRecord(prepared, ranks, about)
    // Before the record is safe: a request that comes meanwhile must see it, and a slot too many frees itself.
    recent.add(workspace, customerId, slotsOf(ranks))
    return [{ index, asked: own, ranks, record }]
  })
}

/**
 * Whether others may take slots that a placement counts: messages, where a cap or a gap counts them too, and in
 * PostgreSQL other doors. One door remembers by itself what it gave.
 */
export function takesTurns(context: WorkspaceContext, dialect: Store['dialect']): boolean {
  const { guardrails, campaigns } = context
  const rules: Pick<FrequencyCap, 'channel'>[] = [
    ...guardrails.frequencyCaps,
    ...(guardrails.leastGaps ?? []),
  ]
  const shown = rules.filter(({ channel }) => channel === undefined || channel === 'in-app')
  const specs = [...campaigns.values()].map(({ version }) => version.spec)
  if (dialect === 'postgres') {
    const own = specs.filter(({ trigger }) => 'placement' in trigger)
    return shown.length > 0 || own.some(({ frequencyCaps }) => frequencyCaps.length > 0)
  }
  if (shown.some(({ channel }) => channel === undefined)) return true
  const sentInApp = specs.some(
    ({ trigger, treatments }) =>
      !('placement' in trigger) && treatments.some(({ channel }) => channel === 'in-app'),
  )
  return shown.length > 0 && sentInApp
}

function slotsOf(ranks: DrawnRank[]) {
  return ranks.flatMap(({ input, decision: { choice } }) => {
    if (choice.kind !== 'treatment') return []
    const given = chosenPayload(input, choice.candidateIndex, choice.variantIndex)
    const { decisionId, decidedAt } = input
    return [rankSlot({ ...given, decisionId, decidedAt, exposedAt: null })]
  })
}
