import { sql } from 'kysely'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { decodeDecision } from '../../decision/record.ts'

/** What a stretch of time came to, counted from the rows; days are UTC's. */
export interface Tally {
  decisions: number
  /** Drawn treatments, drawn nothings, held out, nothing eligible. */
  byOutcome: Record<string, number>
  byTreatment: { campaignId: string; treatmentId: string; decisions: number }[]
  sends: number
  sendsByDay: { day: string; sends: number }[]
  capCollisions: { atDecision: number; atSend: number }
  deferrals: { atDecision: number; atSend: number }
  /** Messages that were given up, by reason. */
  lapsed: Record<string, number>
  /** Of what was sent, by campaign. */
  spentMicros: Record<string, number>
}

interface Stretch {
  since: number
  /** Exclusive. */
  until: number
}

const dayMs = 86_400_000
const capGuardrail = 'frequency-cap'

export async function tally(db: WorkspaceDb, stretch: Stretch): Promise<Tally> {
  const decided = await tallyDecisions(db, stretch)
  const { sends, spentMicros } = await tallySends(db, stretch)
  const total = [...sends.values()].reduce((sum, own) => sum + own, 0)
  const lapsed = await countReasons(db, stretch, 'lapsed')
  const put = await countReasons(db, stretch, 'queued')
  const ofCaps = Object.entries({ ...lapsed }).filter(([reason]) => reason.startsWith(`${capGuardrail}:`))
  const capped = Object.entries(put).filter(([reason]) => reason.startsWith(`${capGuardrail}:`))
  const sum = (entries: [string, number][]) => entries.reduce((all, [, own]) => all + own, 0)
  return {
    ...decided.counts,
    sends: total,
    sendsByDay: everyDay(stretch, sends),
    capCollisions: { atDecision: decided.capped, atSend: sum(ofCaps) + sum(capped) },
    deferrals: {
      atDecision: decided.deferred,
      atSend: sum(Object.entries(put).filter(([reason]) => /^[a-z-]+:\S/.test(reason))),
    },
    lapsed,
    spentMicros,
  }
}

async function tallyDecisions(db: WorkspaceDb, { since, until }: Stretch) {
  const byOutcome = new Map<string, number>()
  const byTreatment = new Map<string, number>()
  let decisions = 0
  let capped = 0
  let deferred = 0
  for await (const row of decisionsWithin(db, { since, until })) {
    decisions += 1
    add(byOutcome, row.outcome)
    if (row.outcome === 'treatment') add(byTreatment, `${row.campaign_id}\u0000${row.treatment_id}`)
    if (Object.hasOwn(JSON.parse(row.excluded_json) as object, capGuardrail)) capped += 1
    if (row.record.length === 0 || row.outcome !== 'treatment') continue
    const { choice, decidedAt } = decodeDecision(row.record)
    if (choice.kind === 'treatment' && choice.dueAt > decidedAt) deferred += 1
  }
  const treatments = [...byTreatment].map(([key, count]) => {
    const [campaignId = '', treatmentId = ''] = key.split('\u0000')
    return { campaignId, treatmentId, decisions: count }
  })
  const byName = (a: (typeof treatments)[number], b: (typeof treatments)[number]) =>
    a.campaignId.localeCompare(b.campaignId) || b.decisions - a.decisions
  return {
    counts: {
      decisions,
      byOutcome: Object.fromEntries(byOutcome),
      byTreatment: treatments.toSorted(byName),
    },
    capped,
    deferred,
  }
}

type Decided = Pick<
  RowOf<'decisions'>,
  'outcome' | 'campaign_id' | 'treatment_id' | 'excluded_json' | 'record' | 'decision_id' | 'day_utc'
>

const rowsPerPage = 2000

async function* decisionsWithin(db: WorkspaceDb, { since, until }: Stretch): AsyncGenerator<Decided> {
  let after = ''
  for (;;) {
    const rows: Decided[] = await db
      .selectFrom('decisions')
      .select(['decisions.decision_id', 'decisions.day_utc', 'decisions.outcome', 'decisions.campaign_id'])
      .select(['decisions.treatment_id', 'decisions.excluded_json', 'decisions.record'])
      .where('decisions.decided_at', '>=', since)
      .where('decisions.decided_at', '<', until)
      .where('decisions.decision_id', '>', after)
      .orderBy('decisions.decision_id')
      .limit(rowsPerPage)
      .execute()
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < rowsPerPage) return
    after = last.decision_id
  }
}

async function tallySends(db: WorkspaceDb, { since, until }: Stretch) {
  const day = sql<number>`messages.sending_at / 86400000`
  const rows = await db
    .selectFrom('messages')
    .select(['messages.campaign_id', day.as('day')])
    .select((eb) => [eb.fn.countAll().as('sends'), eb.fn.sum('messages.cost_micros').as('cost')])
    .where('messages.state', 'in', ['sending', 'sent', 'unknown'])
    .where('messages.transactional', '=', 0)
    .where('messages.sending_at', '>=', since)
    .where('messages.sending_at', '<', until)
    .groupBy(['messages.campaign_id', day])
    .execute()
  const sends = new Map<number, number>()
  const spentMicros: Record<string, number> = {}
  for (const row of rows) {
    sends.set(Number(row.day), (sends.get(Number(row.day)) ?? 0) + Number(row.sends))
    spentMicros[row.campaign_id] = (spentMicros[row.campaign_id] ?? 0) + Number(row.cost)
  }
  return { sends, spentMicros }
}

async function countReasons(
  db: WorkspaceDb,
  { since, until }: Stretch,
  state: 'lapsed' | 'queued',
): Promise<Record<string, number>> {
  const rows = await db
    .selectFrom('message_transitions')
    .select('message_transitions.reason')
    .select((eb) => eb.fn.countAll().as('count'))
    .where('message_transitions.state', '=', state)
    .where('message_transitions.sequence', '>', 1)
    .where('message_transitions.at', '>=', since)
    .where('message_transitions.at', '<', until)
    .groupBy('message_transitions.reason')
    .orderBy('message_transitions.reason')
    .execute()
  return Object.fromEntries(rows.map((row) => [row.reason, Number(row.count)]))
}

function everyDay({ since, until }: Stretch, sends: ReadonlyMap<number, number>): Tally['sendsByDay'] {
  const [first, last] = [Math.floor(since / dayMs), Math.floor((until - 1) / dayMs)]
  return Array.from({ length: last - first + 1 }, (_, index) => ({
    day: new Date((first + index) * dayMs).toISOString().slice(0, 10),
    sends: sends.get(first + index) ?? 0,
  }))
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
