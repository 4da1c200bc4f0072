import type { InstantMs } from '#contracts/clock.ts'
import type { Journey, JourneySeen, JourneyStep } from '#contracts/journey.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'

/** The newest journey of each of these customers in each campaign: only that one may be inside. */
export async function loadJourneys(db: WorkspaceDb, customerIds: readonly string[]): Promise<Journey[]> {
  if (customerIds.length === 0) return []
  return (await db.recurring(newestOfCustomers, { customerIds })).map(journeyOf)
}

const newestOfCustomers: RecurringQuery<{ customerIds: readonly string[] }, RowOf<'journeys'>> = {
  like: { customerIds: 'keys' },
  build: (db, { customerIds }) =>
    db
      .selectByKeys('journeys', 'customer_id', customerIds)
      .where('journeys.is_newest', '=', 1)
      .selectAll('journeys'),
}

/** Who goes on now, by the injected clock, those first who have waited longest. */
export async function dueJourneys(
  db: WorkspaceDb,
  now: InstantMs,
  limit: number,
): Promise<Pick<Journey, 'journeyId' | 'customerId'>[]> {
  return (await db.recurring(due, { now, limit })).map((row) => ({
    journeyId: row.journey_id,
    customerId: row.customer_id,
  }))
}

const due: RecurringQuery<
  { now: number; limit: number },
  Pick<RowOf<'journeys'>, 'journey_id' | 'customer_id'>
> = {
  like: { now: 'number', limit: 'number' },
  build: (db, { now, limit }) =>
    db
      .selectFrom('journeys')
      .select(['journeys.journey_id', 'journeys.customer_id'])
      .where('journeys.due_at', '<=', now)
      .orderBy('journeys.due_at')
      .limit(limit),
}

/** Customers inside a campaign to whom the rule of a version has not been applied yet. */
export async function unsettledCustomers(
  db: WorkspaceDb,
  campaignId: string,
  version: number,
  limit: number,
): Promise<string[]> {
  for (const followed of await followedVersions(db, campaignId)) {
    if (followed >= version) continue
    const rows = await db.recurring(unsettled, { campaignId, followed, version, limit })
    if (rows.length > 0) return [...new Set(rows.map((row) => row.customer_id))]
  }
  return []
}

const unsettled: RecurringQuery<
  { campaignId: string; followed: number; version: number; limit: number },
  Pick<RowOf<'journeys'>, 'customer_id'>
> = {
  like: { campaignId: 'text', followed: 'number', version: 'number', limit: 'number' },
  build: (db, { campaignId, followed, version, limit }) =>
    db
      .selectFrom('journeys')
      .select('journeys.customer_id')
      .where('journeys.campaign_id', '=', campaignId)
      .where('journeys.state', '=', 'inside')
      .where('journeys.version', '=', followed)
      .where('journeys.settled_version', '<', version)
      .limit(limit),
}

/** Versions that somebody inside the campaign follows, oldest first: one look into the index for each. */
export async function followedVersions(db: WorkspaceDb, campaignId: string): Promise<number[]> {
  const versions: number[] = []
  for (;;) {
    const [row] = await db.recurring(nextFollowed, { campaignId, after: versions.at(-1) ?? 0 })
    if (row === undefined) return versions
    versions.push(row.version)
  }
}

const nextFollowed: RecurringQuery<{ campaignId: string; after: number }, { version: number }> = {
  like: { campaignId: 'text', after: 'number' },
  build: (db, { campaignId, after }) =>
    db
      .selectFrom('journeys')
      .select('journeys.version')
      .where('journeys.campaign_id', '=', campaignId)
      .where('journeys.state', '=', 'inside')
      .where('journeys.version', '>', after)
      .orderBy('journeys.version')
      .limit(1),
}

export async function loadJourneysById(
  db: WorkspaceDb,
  journeyIds: readonly string[],
): Promise<Map<string, Journey>> {
  if (journeyIds.length === 0) return new Map()
  const rows = await db.recurring(byId, { journeyIds })
  return new Map(rows.map((row) => [row.journey_id, journeyOf(row)]))
}

const byId: RecurringQuery<{ journeyIds: readonly string[] }, RowOf<'journeys'>> = {
  like: { journeyIds: 'keys' },
  build: (db, { journeyIds }) => db.selectByKeys('journeys', 'journey_id', journeyIds).selectAll('journeys'),
}

/** Writes journeys, new ones and those that went on. */
export async function saveJourneys(db: WorkspaceDb, journeys: readonly Journey[]): Promise<void> {
  if (journeys.length === 0) return
  await db.bulkInsert('journeys', journeys.map(rowOf), {
    key: ['workspace', 'journey_id'],
    update: [
      'version',
      'settled_version',
      'state',
      'reason',
      'is_newest',
      'ended_at',
      'step_id',
      'step_since',
      'is_waiting',
      'due_at',
      'steps_passed',
      'seen_json',
    ],
  })
}

/** A step that is there already was taken by somebody else: the transaction fails. */
export async function insertJourneySteps(db: WorkspaceDb, steps: readonly JourneyStep[]): Promise<void> {
  if (steps.length === 0) return
  const rows = steps.map((step) => ({
    journey_id: step.journeyId,
    sequence: step.sequence,
    customer_id: step.customerId,
    campaign_id: step.campaignId,
    version: step.version,
    step_id: step.stepId,
    kind: step.kind,
    result: step.result,
    decision_id: step.decisionId,
    at: step.at,
  }))
  await db.bulkInsert('journey_steps', rows, 'fail')
}

/**
 * Customer merge: journeys of one become the other's. Of two inside the same campaign the one entered first
 * goes on; the newest of both is the one that the re-entry rule goes by.
 */
export async function mergeJourneys(
  db: WorkspaceDb,
  fromId: string,
  intoId: string,
  now: InstantMs,
): Promise<void> {
  const both = await loadJourneys(db, [fromId, intoId])
  if (both.every(({ customerId }) => customerId !== fromId)) return
  const changed: Journey[] = []
  for (const own of Map.groupBy(both, ({ campaignId }) => campaignId).values()) {
    const [first, second] = own.toSorted(
      (a, b) => a.enteredAt - b.enteredAt || (a.journeyId < b.journeyId ? -1 : 1),
    )
    if (first === undefined || second === undefined) continue
    if (first.state === 'inside') {
      const ended =
        second.state === 'inside' ? { state: 'left' as const, reason: 'merged', endedAt: now } : {}
      changed.push({ ...second, ...ended, isNewest: false, stepId: '', isWaiting: false, dueAt: null })
    } else changed.push({ ...first, isNewest: false })
  }
  await saveJourneys(db, changed)
  for (const table of ['journeys', 'journey_steps'] as const) {
    await db
      .updateTable(table)
      .set({ customer_id: intoId })
      .where(`${table}.customer_id`, '=', fromId)
      .execute()
  }
}

/** How many are at each step, and how many have passed it: the numbers of a drawn cadence. */
export async function countSteps(
  db: WorkspaceDb,
  campaignId: string,
): Promise<{ stepId: string; passed: number; waiting: number }[]> {
  const passed = await db
    .selectFrom('journey_steps')
    .select(({ fn }) => ['journey_steps.step_id', fn.countAll<number>().as('count')])
    .where('journey_steps.campaign_id', '=', campaignId)
    .groupBy('journey_steps.step_id')
    .execute()
  const waiting = await db
    .selectFrom('journeys')
    .select(({ fn }) => ['journeys.step_id', fn.countAll<number>().as('count')])
    .where('journeys.campaign_id', '=', campaignId)
    .where('journeys.state', '=', 'inside')
    .groupBy('journeys.step_id')
    .execute()
  const ids = new Set([...passed, ...waiting].map((row) => row.step_id))
  const count = (rows: { step_id: string; count: number }[], id: string) =>
    Number(rows.find((row) => row.step_id === id)?.count ?? 0)
  return [...ids].map((stepId) => ({
    stepId,
    passed: count(passed, stepId),
    waiting: count(waiting, stepId),
  }))
}

function journeyOf(row: RowOf<'journeys'>): Journey {
  return {
    journeyId: row.journey_id,
    customerId: row.customer_id,
    campaignId: row.campaign_id,
    version: row.version,
    settledVersion: row.settled_version,
    state: row.state,
    reason: row.reason,
    isNewest: row.is_newest === 1,
    enteredAt: row.entered_at,
    endedAt: row.ended_at,
    stepId: row.step_id,
    stepSince: row.step_since,
    isWaiting: row.is_waiting === 1,
    dueAt: row.due_at,
    stepsPassed: row.steps_passed,
    seen: JSON.parse(row.seen_json) as JourneySeen,
  }
}

function rowOf(journey: Journey) {
  return {
    journey_id: journey.journeyId,
    customer_id: journey.customerId,
    campaign_id: journey.campaignId,
    version: journey.version,
    settled_version: journey.settledVersion,
    state: journey.state,
    reason: journey.reason,
    is_newest: journey.isNewest ? (1 as const) : (0 as const),
    entered_at: journey.enteredAt,
    ended_at: journey.endedAt,
    step_id: journey.stepId,
    step_since: journey.stepSince,
    is_waiting: journey.isWaiting ? (1 as const) : (0 as const),
    due_at: journey.dueAt,
    steps_passed: journey.stepsPassed,
    seen_json: JSON.stringify(journey.seen),
  }
}
