import type { Clock } from '#contracts/clock.ts'
import type { ApiFault } from '#contracts/errors.ts'
import type { AppendResult, EventLog } from '#contracts/event-log.ts'
import type { ProfileCache } from '#contracts/profile-cache.ts'
import { dayUtcOf } from '#platform/ids/ids.ts'
import type { Store } from '#platform/store/store.ts'
import { isStoreFault } from '#platform/store/store-faults.ts'
import { together } from '#platform/store/together.ts'
import { createTemplateCache } from '../../creative/template-cache.ts'
import { storedDecisionIds } from '../../decision/decision-rows.ts'
import { explainDecision } from '../../decision/explain.ts'
import { decodeDecision } from '../../decision/record.ts'
import { canonicalCustomerId } from '../../profile/canonical-customer.ts'
import type { Identities } from '../../profile/identities.ts'
import type { DecisionParts, TriggeredDecision } from '../decision-input.ts'
import { createWorkspaceContexts, type KnownContext, type WorkspaceContext } from '../workspace-context.ts'
import { askedOf, customersOf, triggerOf } from './asked.ts'
import type { Deadline } from './deadline.ts'
import { decideFresh, decideInTurn, type ReadForAll, takesTurns } from './decide-fresh.ts'
import { appendOf } from './decision-record.ts'
import { degradeAll } from './degrade-all.ts'
import type { DrawnRank } from './draw-ranks.ts'
import type { PlacementAnswer, PlacementRequest, RankedTreatment } from './placement-request.ts'
import { rankedTreatment } from './ranked-treatments.ts'
import { type PlacementFacts, readPlacementFacts } from './read-facts.ts'
import { createRecentDecisions, type RecentDecisions } from './recent-decisions.ts'
import { firstIds, repeatedAnswer } from './repeat.ts'
import { answerOf, createRepeats } from './repeats.ts'
import type { Own, Run } from './run.ts'

export interface PlacementParts extends DecisionParts {
  store: Store
  log: Pick<EventLog, 'append'>
  identities: Pick<Identities, 'resolveMany'>
  profileCache: ProfileCache
  /** Injected: what the decision is made at. */
  clock: Clock
  /** Receipt, and the age of what is remembered. */
  wallClock: Clock
  /** 32 hex digits that nobody else makes: the key of a request that brings none. */
  newKey: () => string
  startDeadline: (timeoutMs: number) => Deadline
}

export type PlacementResult =
  | { kind: 'answered'; answers: PlacementAnswer[] }
  | { kind: 'fault'; fault: ApiFault }

/** One answer as the wire has it: a `PlacementAnswer` as JSON, in UTF-8. */
export type OnePlacementResult = { kind: 'answered'; json: Uint8Array } | { kind: 'fault'; fault: ApiFault }

export interface PlacementDecider {
  /**
   * Decides for all of them at once, in their order, and resolves when their records are in the log. Whatever
   * is not there after `timeoutMs` is answered by the placement's default.
   */
  decide(workspace: string, requests: PlacementRequest[], timeoutMs: number): Promise<PlacementResult>
  /** The same for one, which for a minute is found again by its key. */
  decideOne(workspace: string, request: PlacementRequest, timeoutMs: number): Promise<OnePlacementResult>
  /** What this process has decided and the worker may not have stored yet. */
  recent: RecentDecisions
}

/** Decisions outside of the partition's owner. */
export function createPlacementDecider(parts: PlacementParts): PlacementDecider {
  const { wallClock } = parts
  const recent = createRecentDecisions(wallClock)
  const own: Own = { parts, recent, contexts: createWorkspaceContexts(), templates: createTemplateCache(500) }
  const repeats = createRepeats()

  const work = async (run: Run): Promise<PlacementResult> => {
    const customerIds = await customersOf(own, run)
    const read = await readAll(own, run, customerIds)
    if (read === null) return { kind: 'fault', fault: noWorkspace }
    return decideAll(own, run, read, customerIds)
  }
  const decideInTime = async (workspace: string, requests: PlacementRequest[], timeoutMs: number) => {
    const deadline = parts.startDeadline(timeoutMs)
    const run: Run = {
      workspace,
      requests,
      keys: requests.map(({ idempotencyKey }) => idempotencyKey ?? parts.newKey()),
      now: parts.clock.now(),
      receivedAt: wallClock.now(),
      isLate: deadline.isPast,
      context: null,
      facts: null,
      asked: null,
    }
    try {
      const working = work(run).catch((error: unknown) => {
        if (isStoreFault(error)) return 'store_unavailable' as const
        throw error
      })
      const result = await Promise.race([working, deadline.passed])
      if (typeof result !== 'string') return result
      // What goes on in the background ends before it appends, or is stored as a decision nobody was given.
      working.catch(() => undefined)
      const context = run.context ?? own.contexts.known(workspace)?.context
      if (context === undefined) return { kind: 'fault' as const, fault: notKnownYet }
      return degradeAll(own, run, context, result)
    } finally {
      deadline.stop()
    }
  }
  const decideOne: PlacementDecider['decideOne'] = (workspace, request, timeoutMs) => {
    const decide = async () => oneOf(await decideInTime(workspace, [request], timeoutMs))
    const { placement, customerId, userId, anonymousId, idempotencyKey } = request
    if (idempotencyKey === undefined) return decide()
    const key = JSON.stringify([workspace, placement, customerId, userId, anonymousId, idempotencyKey])
    return repeats.once(key, wallClock.now(), decide)
  }
  return {
    recent,
    decideOne,
    async decide(workspace, requests, timeoutMs) {
      const [only] = requests
      if (requests.length !== 1 || only?.idempotencyKey === undefined)
        return decideInTime(workspace, requests, timeoutMs)
      const result = await decideOne(workspace, only, timeoutMs)
      return result.kind === 'fault' ? result : { kind: 'answered', answers: [answerOf(result.json)] }
    },
  }
}

function oneOf(result: PlacementResult): OnePlacementResult {
  if (result.kind === 'fault') return result
  return { kind: 'answered', json: Buffer.from(JSON.stringify(result.answers[0])) }
}

async function decideAll(
  own: Own,
  run: Run,
  { context, facts, stored }: ReadForAll,
  customerIds: string[],
): Promise<PlacementResult> {
  const { parts } = own
  const { requests } = run
  run.asked = requests.map((request, i) => askedOf(run, context, facts, request, i, customerIds[i] as string))
  const answers = await repeatedAnswers(own, run, run.asked, { stored, facts })
  if (run.isLate()) return { kind: 'fault', fault: tooLate }

  const open = answers.flatMap((answer, index) => (answer === null ? [index] : []))
  const read = { context, facts, stored }
  const decided =
    open.length > 0 && takesTurns(context, parts.store.dialect)
      ? await decideInTurn(own, run, read, open)
      : decideFresh(own, run, read, open)
  if (decided === 'late') return { kind: 'fault', fault: tooLate }
  for (const index of open) {
    const { placement } = requests[index] as PlacementRequest
    answers[index] = emptyAnswer(run.asked[index] as TriggeredDecision, placement, run.now)
  }
  // The log waits for the disk; meanwhile the words are found.
  const records = decided.map(({ record }) => appendOf(record))
  const appending = records.length > 0 ? parts.log.append(records) : appended
  for (const { index, asked, ranks } of decided)
    fillAnswer(answers[index] as PlacementAnswer, facts, asked, ranks, requests[index] as PlacementRequest)
  const result = await appending
  if (result.kind !== 'appended') return { kind: 'fault', fault: faultOf(result) }
  return { kind: 'answered', answers: answers as PlacementAnswer[] }
}

/**
 * Follows pointers: `customerIds` are changed to the canonical ones. The context is the one kept, where its
 * version, read with all the rest, still is the newest.
 */
async function readAll(own: Own, run: Run, customerIds: string[]): Promise<ReadForAll | null> {
  const { store } = own.parts
  const { workspace } = run
  const known = own.contexts.known(workspace)
  run.context = known?.context ?? (await own.contexts.load(store.read, workspace))
  if (run.context === null) return null
  let [isNewest, facts, stored] = await readOnce(own, run, run.context, customerIds, known)
  if (!isNewest) {
    run.context = await own.contexts.load(store.read, workspace)
    if (run.context === null) return null
    ;[, facts, stored] = await readOnce(own, run, run.context, customerIds, null)
  }
  const isMerged = (id: string) => (facts.customers.get(id)?.mergedInto ?? null) !== null
  if (customerIds.some(isMerged)) {
    const db = store.read.workspace(workspace)
    for (const [i, id] of customerIds.entries())
      if (isMerged(id)) customerIds[i] = await canonicalCustomerId(db, id)
    ;[, facts, stored] = await readOnce(own, run, run.context, customerIds, null)
  }
  run.facts = facts
  return { context: run.context, facts, stored: new Set(stored) }
}

function readOnce(
  { parts }: Own,
  run: Run,
  context: WorkspaceContext,
  customerIds: string[],
  known: KnownContext | null,
): Promise<[isNewest: boolean, facts: PlacementFacts, stored: string[]]> {
  const { read } = parts.store
  const { workspace, requests, keys, now, receivedAt } = run
  const db = read.workspace(workspace)
  const dayUtc = dayUtcOf(receivedAt)
  const ids = requests.flatMap((request, i) =>
    request.idempotencyKey === undefined
      ? []
      : firstIds(workspace, customerIds[i] as string, triggerOf(request, keys[i] as string), dayUtc),
  )
  return read.atOnce(() =>
    together(
      known === null ? Promise.resolve(true) : known.isNewest(read),
      readPlacementFacts(db, context, [...new Set(customerIds)], {
        now,
        profileCache: parts.profileCache,
        properties: requests.map((request) => request.context ?? {}),
      }),
      storedDecisionIds(db, ids),
    ),
  )
}

async function repeatedAnswers(
  { parts, templates }: Own,
  run: Run,
  asked: TriggeredDecision[],
  { stored, facts }: Pick<ReadForAll, 'stored' | 'facts'>,
): Promise<(PlacementAnswer | null)[]> {
  const answers: (PlacementAnswer | null)[] = asked.map(() => null)
  if (stored.size === 0) return answers
  const db = parts.store.read.workspace(run.workspace)
  const dayUtc = dayUtcOf(run.receivedAt)
  for (const [index, own] of asked.entries()) {
    const { placement, reasons, idempotencyKey } = run.requests[index] as PlacementRequest
    if (idempotencyKey === undefined) continue
    const ids = firstIds(run.workspace, own.customer.customerId, own.trigger, dayUtc)
    if (!ids.some((id) => stored.has(id))) continue
    answers[index] = await repeatedAnswer(db, templates, own, { placement, reasons, dayUtc, facts })
  }
  return answers
}

function emptyAnswer({ customer }: TriggeredDecision, placement: string, now: number): PlacementAnswer {
  return {
    decisionId: null,
    customerId: customer.customerId,
    placement,
    decidedAt: now,
    outcome: 'none-eligible',
    degraded: false,
    repeated: false,
    treatments: [],
  }
}

function fillAnswer(
  answer: PlacementAnswer,
  facts: PlacementFacts,
  asked: TriggeredDecision,
  ranks: DrawnRank[],
  { reasons }: PlacementRequest,
): void {
  const first = ranks[0] as DrawnRank
  answer.decisionId = first.input.decisionId
  answer.outcome = first.decision.choice.kind
  answer.treatments = ranks.flatMap(({ input, decision: { choice } }, index): RankedTreatment[] => {
    if (choice.kind !== 'treatment') return []
    const given = { rank: index + 1, decisionId: input.decisionId, propensity: choice.propensity }
    return [rankedTreatment(facts, asked, input, choice, given)]
  })
  if (!reasons) return
  answer.reasons = ranks.map(({ input, decision }) =>
    explainDecision(decodeDecision(decision.record), input.campaigns),
  )
}

const appended: Promise<AppendResult> = Promise.resolve({ kind: 'appended' })
const noWorkspace: ApiFault = { code: 'not_found', detail: 'the workspace is no more' }
const notKnownYet: ApiFault = {
  code: 'unavailable',
  detail: 'the store does not answer',
  retryAfterSeconds: 1,
}
/** Nobody gets it: the default was given. */
const tooLate: ApiFault = { code: 'unavailable', detail: 'the answer came too late' }

function faultOf(result: Exclude<AppendResult, { kind: 'appended' }>): ApiFault {
  if (result.kind === 'unavailable') return { code: 'unavailable', detail: result.reason }
  const retryAfterSeconds = Math.max(1, Math.ceil(result.retryAfterSeconds))
  return { code: 'overloaded', detail: 'the event log cannot take more now', retryAfterSeconds }
}
