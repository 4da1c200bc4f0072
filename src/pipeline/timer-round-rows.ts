import { takeTicks } from '#platform/clock/ticks.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'

/** A transaction in which time alone made something happen. */
export interface TimerRound {
  /**
   * `timers`: timer ids. `journeys`: journey ids. `settled`: customers who got a changed campaign's rule.
   * `schedules`: the campaign whose customers got timers.
   */
  kind: 'timers' | 'journeys' | 'settled' | 'schedules'
  firedAt: number
  subjects: readonly string[]
  /** Rises from round to round. */
  tick: number
}

/**
 * Notes what went on, in the transaction in which it did: a timer is due earlier than it fires, events come in
 * between, and a rehearsal has to know which was first.
 */
export async function noteRound(
  db: WorkspaceDb,
  { kind, firedAt, subjects }: Omit<TimerRound, 'tick'>,
): Promise<void> {
  const [first] = subjects
  if (first === undefined) return
  const own = { kind, tick: takeTicks(1), subjects_json: JSON.stringify(subjects) }
  await db.bulkInsert('timer_rounds', [{ fired_at: firedAt, round_id: first, ...own }], 'ignore')
}

/** By instant. */
export async function* eachRound(db: WorkspaceDb): AsyncGenerator<TimerRound> {
  let after = { at: Number.MIN_SAFE_INTEGER, id: '' }
  for (;;) {
    const { at, id } = after
    const rows = await db
      .selectFrom('timer_rounds')
      .selectAll('timer_rounds')
      .where(({ eb, refTuple, tuple }) =>
        eb(refTuple('timer_rounds.fired_at', 'timer_rounds.round_id'), '>', tuple(at, id)),
      )
      .orderBy('timer_rounds.fired_at')
      .orderBy('timer_rounds.round_id')
      .limit(roundsPerPage)
      .execute()
    for (const row of rows)
      yield {
        kind: row.kind as TimerRound['kind'],
        firedAt: row.fired_at,
        subjects: JSON.parse(row.subjects_json) as string[],
        tick: Number(row.tick),
      }
    const last = rows.at(-1)
    if (last === undefined || rows.length < roundsPerPage) return
    after = { at: last.fired_at, id: last.round_id }
  }
}

const roundsPerPage = 1000

/** Deletes up to `limit` rounds from before an instant. Resolves to how many. */
export async function deleteRoundsBefore(db: WorkspaceDb, at: number, limit: number): Promise<number> {
  const old = await db
    .selectFrom('timer_rounds')
    .select(['timer_rounds.fired_at', 'timer_rounds.round_id'])
    .where('timer_rounds.fired_at', '<', at)
    .orderBy('timer_rounds.fired_at')
    .orderBy('timer_rounds.round_id')
    .limit(limit)
    .execute()
  for (const [firedAt, rows] of Map.groupBy(old, (row) => row.fired_at)) {
    const ids = rows.map((row) => row.round_id)
    await db
      .deleteFrom('timer_rounds')
      .where('timer_rounds.fired_at', '=', firedAt)
      .where('timer_rounds.round_id', 'in', ids)
      .execute()
  }
  return old.length
}
