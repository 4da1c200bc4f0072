import type { DecodedDecision } from '#contracts/decision.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { engineVersion } from '../../decision/engine-version.ts'
import { decodeDecision } from '../../decision/record.ts'
import type { DatedProfile } from '../../profile/profile.ts'
import { loadFollowedVersion } from '../workspace-context.ts'
import type { RecordedDecision, Recording } from './recording.ts'

/** What was decided then, and what the rehearsal decided. */
export interface Comparison {
  /** Equal to the byte. */
  same: number
  /** Made in both, otherwise; made once, not the second time; made the second time only. */
  different: number
  missing: number
  extra: number
  /** History does not hold what it takes, by reason. */
  notReplayable: Partial<Record<NotReplayable, number>>
  /** The first few that differ, with what does. */
  examples: { decisionId: string; detail: string }[]
}

export type NotReplayable =
  /** A placement's: what the page told of itself is not kept. */
  | 'placement'
  /** Came with a file, not from this engine. */
  | 'imported'
  /** Erased, or given without a draw. */
  | 'no-record'
  /** Another engine's bytes differ. */
  | 'other-engine'
  /** The policy snapshot that it names is kept no longer. */
  | 'snapshot-gone'
  /** Some of the customer's events are kept no longer, or came before they were numbered. */
  | 'events-gone'
  /** A timer's, from before rounds of timers were recorded. */
  | 'before-rounds'
  /** Its campaign asks the catalogue, which is kept as it is now. */
  | 'catalogue'
  /** A budget ran out for others at another moment: some of their decisions cannot be made again. */
  | 'shared-budget'

const examplesMax = 10

/** Of decisions from `since` on. */
export async function compareDecisions(
  recording: Recording,
  play: {
    live: WorkspaceDb
    scratch: WorkspaceDb
    since: number
    snapshotsGone: ReadonlySet<string>
    roundsSince: number
  },
): Promise<Comparison> {
  const result: Comparison = {
    same: 0,
    different: 0,
    missing: 0,
    extra: 0,
    notReplayable: {},
    examples: [],
  }
  const note = (reason: NotReplayable): void => {
    result.notReplayable[reason] = (result.notReplayable[reason] ?? 0) + 1
  }
  const differing: Differing[] = []
  for await (const page of inPages(recording.decisions())) {
    const made = await recordsOf(
      play.scratch,
      page.map(({ decisionId }) => decisionId),
    )
    for (const own of page) {
      if (own.decidedAt < play.since) continue
      const outside = outsideOf(own)
      if (outside !== null) {
        note(outside)
        continue
      }
      const record = made.get(own.decisionId)
      if (record !== undefined && Buffer.compare(record, own.record) === 0) {
        result.same += 1
        continue
      }
      differing.push({ own, record, reason: await whyNot(own, play) })
    }
  }
  const unexplained = withoutExplained(differing, note)
  // Overlapping batches of several workers do not see each other's spending.
  const others = Object.keys(result.notReplayable).some((reason) => gaps.has(reason))
  const left = others || play.live.dialect === 'postgres' ? withoutSharedBudget(unexplained) : unexplained
  for (let index = left.length; index < unexplained.length; index += 1) note('shared-budget')
  for (const { own, record } of left) {
    result[record === undefined ? 'missing' : 'different'] += 1
    if (result.examples.length < examplesMax)
      result.examples.push({ decisionId: own.decisionId, detail: differenceOf(own.record, record) })
  }
  for await (const { decisionId, decidedAt } of decisionsOf(play.scratch)) {
    if (decidedAt < play.since || recording.hasDecision(decisionId)) continue
    result.extra += 1
    if (result.examples.length < examplesMax)
      result.examples.push({ decisionId, detail: 'was not made then' })
  }
  return result
}

function outsideOf({ triggerKind, record, outcome, engineVersion: engine }: RecordedDecision) {
  if (triggerKind === 'request') return 'placement' as const
  if (triggerKind === 'import') return 'imported' as const
  if (record.length === 0 || outcome === 'degraded') return 'no-record' as const
  return engine === engineVersion ? null : ('other-engine' as const)
}

/** Why a decision may differ that nothing was changed for; null: it must not. */
async function whyNot(
  { snapshotId, triggerKind, decidedAt, customerId, record }: RecordedDecision,
  { live, scratch, snapshotsGone, roundsSince }: Parameters<typeof compareDecisions>[1],
): Promise<NotReplayable | null> {
  if (snapshotsGone.has(snapshotId)) return 'snapshot-gone'
  const [was, is] = [await appliedOf(live, customerId), await appliedOf(scratch, customerId)]
  // Of a customer all of whose events were played the numbers are the same.
  if (was !== is) return 'events-gone'
  if (triggerKind === 'timer' && decidedAt <= roundsSince) return 'before-rounds'
  return (await asksCatalogue(live, record)) ? 'catalogue' : null
}

async function asksCatalogue(live: WorkspaceDb, record: Uint8Array): Promise<boolean> {
  for (const { campaignId, version } of decodeDecision(record).campaigns) {
    if ((await loadFollowedVersion(live, campaignId, version))?.itemNeeds != null) return true
  }
  return false
}

/** How many events the customer's profile has taken in, whoever it was merged into. */
async function appliedOf(db: WorkspaceDb, customerId: string): Promise<number> {
  let id = customerId
  for (;;) {
    const row = await db
      .selectFrom('customers')
      .select(['customers.merged_into', 'customers.profile_json'])
      .where('customers.customer_id', '=', id)
      .executeTakeFirst()
    if (row === undefined) return 0
    if (row.merged_into === null) return (JSON.parse(row.profile_json) as DatedProfile).applied ?? 0
    id = row.merged_into
  }
}

interface Differing {
  own: RecordedDecision
  record: Uint8Array | undefined
  reason: NotReplayable | null
}

const gaps: ReadonlySet<string> = new Set(['events-gone', 'before-rounds', 'snapshot-gone', 'catalogue'])

/** What comes after a customer's first difference follows from it. */
function withoutExplained(
  differing: readonly Differing[],
  note: (reason: NotReplayable) => void,
): Differing[] {
  const byCustomer = Map.groupBy(differing, ({ own }) => own.customerId)
  return [...byCustomer.values()].flatMap((all) => {
    let carried: NotReplayable | null = null
    return all
      .toSorted((a, b) => a.own.decidedAt - b.own.decidedAt)
      .filter(({ reason }, index) => {
        if (index === 0) carried = reason
        const why = reason ?? carried
        if (why !== null) note(why)
        return why === null
      })
  })
}

/**
 * Without the customers of whom the first thing that differs is that a budget was, or was not, spent: all that
 * follows for them follows from it.
 */
function withoutSharedBudget(differing: readonly Differing[]): Differing[] {
  const byCustomer = Map.groupBy(differing, ({ own }) => own.customerId)
  return [...byCustomer.values()].flatMap((all) => {
    const first = all.reduce((a, b) => (b.own.decidedAt < a.own.decidedAt ? b : a))
    const isBudgets = first.record !== undefined && budgetOf(first.own.record) !== budgetOf(first.record)
    return isBudgets ? [] : all
  })
}

function budgetOf(record: Uint8Array): string {
  const objections = decodeDecision(record).candidates.map(({ guardrails }) =>
    guardrails.objections.filter(({ guardrail }) => guardrail === 'budget'),
  )
  return JSON.stringify(objections)
}

/** The first thing in which two records differ, in words. */
function differenceOf(was: Uint8Array, is: Uint8Array | undefined): string {
  if (is === undefined) return 'was not made again'
  const [before, after] = [decodeDecision(was), decodeDecision(is)]
  const parts: (keyof DecodedDecision)[] = [
    'decidedAt',
    'snapshotId',
    'campaigns',
    'features',
    'tail',
    'candidates',
    'choice',
    'sendTime',
  ]
  const part = parts.find((name) => textOf(before[name]) !== textOf(after[name]))
  if (part === undefined) return 'its bytes differ'
  const [a, b] = [textOf(before[part]), textOf(after[part])]
  const at = [...a].findIndex((letter, index) => letter !== b[index])
  const from = Math.max(0, at - 40)
  return `${part}: …${a.slice(from, from + 100)}… was, …${b.slice(from, from + 100)}… is`
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, own: unknown) => (own instanceof Float64Array ? [...own] : own)) ?? ''
}

const rowsPerPage = 500

async function* inPages<T>(rows: Iterable<T>): AsyncGenerator<T[]> {
  let page: T[] = []
  for (const row of rows) {
    page.push(row)
    if (page.length < rowsPerPage) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}

async function recordsOf(db: WorkspaceDb, decisionIds: string[]): Promise<Map<string, Uint8Array>> {
  const rows = await db
    .selectByKeys('decisions', 'decision_id', decisionIds)
    .select(['decisions.decision_id', 'decisions.record'])
    .execute()
  return new Map(rows.map((row) => [row.decision_id, row.record]))
}

async function* decisionsOf(db: WorkspaceDb): AsyncGenerator<{ decisionId: string; decidedAt: number }> {
  let after = ''
  for (;;) {
    const rows = await db
      .selectFrom('decisions')
      .select(['decisions.decision_id', 'decisions.decided_at'])
      .where('decisions.decision_id', '>', after)
      .orderBy('decisions.decision_id')
      .limit(rowsPerPage)
      .execute()
    for (const row of rows) yield { decisionId: row.decision_id, decidedAt: row.decided_at }
    const last = rows.at(-1)
    if (last === undefined || rows.length < rowsPerPage) return
    after = last.decision_id
  }
}
