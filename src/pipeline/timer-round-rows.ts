import { takeTicks } from '#platform/clock/ticks.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'

/** A transaction in which time alone made something happen. */
export interface TimerRound {
  /**
   * `timers`: timer ids. `journeys`: journey ids. `settled`: customers who got a changed campaign's rule.
   * `schedules`: the campaign whose customers got timers. `broadcast`: the campaign, the run, when that began, then
   * the customers, before those whose properties differ from the last one's the properties as JSON.
   */
  kind: 'timers' | 'journeys' | 'settled' | 'schedules' | 'broadcast'
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
  if (subjects.length === 0) return
  const own = { kind, tick: takeTicks(1), subjects_json: JSON.stringify(subjects) }
  await db.bulkInsert('timer_rounds', [{ fired_at: firedAt, ...own }], 'ignore')
}

/** By instant. */
export async function* eachRound(db: WorkspaceDb): AsyncGenerator<TimerRound> {
  let after = { at: Number.MIN_SAFE_INTEGER, tick: 0 }
  for (;;) {
    const { at, tick } = after
    const rows = await db
      .selectFrom('timer_rounds')
      .selectAll('timer_rounds')
      .where(({ eb, refTuple, tuple }) =>
        eb(refTuple('timer_rounds.fired_at', 'timer_rounds.tick'), '>', tuple(at, tick)),
      )
      .orderBy('timer_rounds.fired_at')
      .orderBy('timer_rounds.tick')
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
    after = { at: last.fired_at, tick: Number(last.tick) }
  }
}

const roundsPerPage = 1000

/** Deletes up to `limit` rounds from before an instant. Resolves to how many. */
export async function deleteRoundsBefore(db: WorkspaceDb, at: number, limit: number): Promise<number> {
  const old = await db
    .selectFrom('timer_rounds')
    .select(['timer_rounds.fired_at', 'timer_rounds.tick'])
    .where('timer_rounds.fired_at', '<', at)
    .orderBy('timer_rounds.fired_at')
    .orderBy('timer_rounds.tick')
    .limit(limit)
    .execute()
  for (const [firedAt, rows] of Map.groupBy(old, (row) => row.fired_at)) {
    const ticks = rows.map((row) => row.tick)
    await db
      .deleteFrom('timer_rounds')
      .where('timer_rounds.fired_at', '=', firedAt)
      .where('timer_rounds.tick', 'in', ticks)
      .execute()
  }
  return old.length
}
