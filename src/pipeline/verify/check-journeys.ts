import type { RowOf, Store, WorkspaceDb } from '#platform/store/store.ts'
import type { WorkspaceContext, WorkspaceContexts } from '../workspace-context.ts'
import { type CheckResult, type Difference, difference } from './difference.ts'
import { eachPage } from './pages.ts'

type JourneyRow = RowOf<'journeys'>
/** What a repair writes of a journey. */
type Mending = Partial<Pick<JourneyRow, 'steps_passed' | 'is_newest' | 'due_at'>>

/**
 * Every journey stands where its steps have brought it, one of a customer's in a campaign is the newest, and what
 * is under way goes on. A repair counts the steps again, says which one is the newest, and has a journey that
 * would never go on looked at at once; a state that contradicts itself stays.
 */
export async function checkJourneys(
  store: Store,
  contexts: WorkspaceContexts,
  workspace: string,
  { now, repair }: { now: number; repair: boolean },
): Promise<CheckResult> {
  const result: CheckResult = { checked: 0, differences: [] }
  const wrong = new Set<string>()
  const mendable = new Set<Difference>()
  await eachPage(store, workspace, 'customers', async (customers, db, scope) => {
    const context = await contexts.load(scope, workspace)
    if (context === null) return
    const away = new Set(customers.filter((row) => row.merged_into !== null).map((row) => row.customer_id))
    const ids = customers.map((row) => row.customer_id)
    for (const { journey, faults, mending } of await compare(db, context, ids, now)) {
      result.checked += 1
      const { journey_id: id, customer_id: customerId } = journey
      if (away.has(customerId)) faults.push(`is of ${customerId}, who was merged away`)
      const off = Object.values(mending).map(({ was }) => difference('journeys', id, was))
      result.differences.push(...faults.map((detail) => difference('journeys', id, detail)), ...off)
      for (const own of off) mendable.add(own)
      if (off.length > 0) wrong.add(customerId)
    }
  })
  if (!repair) return result
  const mended = await mend(store, contexts, workspace, [...wrong], now)
  for (const own of mendable) own.repaired = mended.has(own.id)
  return result
}

interface Compared {
  journey: JourneyRow
  /** What no repair mends. */
  faults: string[]
  /** By column, what it ought to be, and what is wrong with it in words. */
  mending: { [C in keyof Mending]?: { value: JourneyRow[C]; was: string } }
}

async function compare(
  db: WorkspaceDb,
  context: WorkspaceContext,
  customerIds: string[],
  now: number,
): Promise<Compared[]> {
  const journeys = await db
    .selectByKeys('journeys', 'customer_id', customerIds)
    .selectAll('journeys')
    .execute()
  const steps = await db
    .selectByKeys('journey_steps', 'customer_id', customerIds)
    .select(['journey_steps.journey_id', 'journey_steps.sequence'])
    .execute()
  const passed = Map.groupBy(steps, (row) => row.journey_id)
  const newest = newestOf(journeys)
  return journeys.map((journey) => {
    const { journey_id: id } = journey
    const sequences = (passed.get(id) ?? []).map(({ sequence }) => sequence).sort((a, b) => a - b)
    const mending: Compared['mending'] = {}
    if (journey.steps_passed !== sequences.length) {
      const was = `counts ${journey.steps_passed} steps, and ${sequences.length} were passed`
      mending.steps_passed = { value: sequences.length, was }
    }
    const isNewest = newest.has(id) ? 1 : 0
    if (journey.is_newest !== isNewest) {
      const was = isNewest === 1 ? 'is the newest, and is not said to be' : 'is said to be the newest'
      mending.is_newest = { value: isNewest, was }
    }
    if (isForgotten(journey, context)) mending.due_at = { value: now, was: 'would never go on' }
    const isGapless = sequences.every((sequence, i) => sequence === i)
    return {
      journey,
      faults: [
        ...stateFaults(journey),
        ...(isGapless ? [] : ['a step is missing between others']),
        ...(journey.state === 'inside' && isNewest === 0 ? ['is inside beside another of its campaign'] : []),
      ],
      mending,
    }
  })
}

/**
 * Of a customer's in a campaign the one that is inside, else the one said to be the newest (of two that a merge
 * brought together it need not be the last), else the one entered last.
 */
function newestOf(journeys: JourneyRow[]): ReadonlySet<string> {
  const rankOf = (row: JourneyRow): number => (row.state === 'inside' ? 2 : row.is_newest)
  const own = Map.groupBy(journeys, (row) => `${row.customer_id} ${row.campaign_id}`)
  return new Set(
    [...own.values()].map((rows) => {
      const [first] = rows.toSorted(
        (a, b) =>
          rankOf(b) - rankOf(a) || b.entered_at - a.entered_at || (a.journey_id < b.journey_id ? 1 : -1),
      )
      return first!.journey_id
    }),
  )
}

function stateFaults(journey: JourneyRow): string[] {
  const isInside = journey.state === 'inside'
  const faults: string[] = []
  if (isInside && journey.step_id === '') faults.push('is inside and at no step')
  if (isInside && journey.ended_at !== null) faults.push('is inside and has ended')
  if (!isInside && journey.ended_at === null) faults.push(`is ${journey.state} and has not ended`)
  if (!isInside && journey.due_at !== null) faults.push(`is ${journey.state} and goes on`)
  return faults
}

/** Under way in a live campaign whose change has reached it, and due at no time. */
function isForgotten(
  { state, due_at, campaign_id, settled_version }: JourneyRow,
  { campaigns }: WorkspaceContext,
): boolean {
  const running = campaigns.get(campaign_id)
  if (state !== 'inside' || due_at !== null || running?.live !== true) return false
  return settled_version >= running.version.version
}

const repairedPerTransaction = 50

async function mend(
  store: Store,
  contexts: WorkspaceContexts,
  workspace: string,
  customerIds: string[],
  now: number,
): Promise<ReadonlySet<string>> {
  const mended = new Set<string>()
  for (let i = 0; i < customerIds.length; i += repairedPerTransaction) {
    const ids = customerIds.slice(i, i + repairedPerTransaction)
    await store.transaction(async (tx) => {
      const context = await contexts.load(tx, workspace)
      if (context === null) return
      const db = tx.workspace(workspace)
      await db.lockCustomers(ids)
      for (const { journey, mending } of await compare(db, context, ids, now)) {
        const values = Object.entries(mending).map(([column, { value }]) => [column, value])
        if (values.length === 0) continue
        await db
          .updateTable('journeys')
          .set(Object.fromEntries(values) as Mending)
          .where('journeys.journey_id', '=', journey.journey_id)
          .execute()
        mended.add(journey.journey_id)
      }
    })
  }
  return mended
}
