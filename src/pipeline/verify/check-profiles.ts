import type { Customer, EventCounts, Profile } from '#contracts/profile.ts'
import type { ReportingCurrency } from '#platform/money/reporting-currency.ts'
import type { Store, StoreTransaction, WorkspaceDb } from '#platform/store/store.ts'
import { loadCustomers, saveCustomers } from '../../profile/customer-rows.ts'
import { loadCustomerEvents } from '../../profile/event-rows.ts'
import { differingCounts, recountProfile } from '../../profile/recount.ts'
import { nextSegmentChangeAt, updateSegments } from '../../profile/segments.ts'
import { setTimers } from '../timer-rows.ts'
import type { WorkspaceContext, WorkspaceContexts } from '../workspace-context.ts'
import { type CheckResult, type Difference, difference } from './difference.ts'
import { eachPage, timersDue } from './pages.ts'

export interface ProfileCheck {
  profiles: CheckResult
  segments: CheckResult
}

/**
 * Counts every profile again from its events, and asks every segment again who is in it. A repair writes
 * what was counted; a segment entered that way triggers nothing.
 */
export async function checkProfiles(
  store: Store,
  contexts: WorkspaceContexts,
  workspace: string,
  look: ProfileLook & { repair: boolean },
): Promise<ProfileCheck> {
  const { now, repair } = look
  const result: ProfileCheck = {
    profiles: { checked: 0, differences: [] },
    segments: { checked: 0, differences: [] },
  }
  const wrong: Wrong[] = []
  const segmentsChangedAt = await newestSegmentAt(store.read.workspace(workspace))
  await eachPage(store, workspace, 'customers', async (rows, db, scope) => {
    const context = await contexts.load(scope, workspace)
    if (context === null) return
    const waiting = new Set((await timersDue(db, rows, now)).map((row) => row.customer_id))
    for (const row of rows) {
      if (row.merged_into !== null) continue
      const stored = JSON.parse(row.profile_json) as Profile
      const found = await compare(db, context, row.customer_id, stored, look)
      result.profiles.checked += 1
      result.profiles.differences.push(...found.counts)
      // The worker has yet to look at this one, and what it then enters triggers: no difference.
      const isLate = waiting.has(row.customer_id) || row.updated_at <= segmentsChangedAt
      const segments = isLate ? [] : found.segments
      if (!isLate) result.segments.checked += 1
      result.segments.differences.push(...segments)
      if (found.counts.length > 0 || segments.length > 0) {
        wrong.push({ customerId: row.customer_id, mendSegments: !isLate })
      }
    }
  })
  if (repair) await repairAll(store, contexts, workspace, wrong, look, result)
  return result
}

export interface ProfileLook {
  now: number
  /** Days since the epoch, UTC: events from before are kept no longer. */
  keptFromDay: number
}

interface Wrong {
  customerId: string
  mendSegments: boolean
}

async function newestSegmentAt(db: WorkspaceDb): Promise<number> {
  const row = await db
    .selectFrom('documents')
    .select((eb) => eb.fn.max('documents.created_at').as('at'))
    .where('documents.kind', '=', 'segment')
    .executeTakeFirst()
  return Number(row?.at ?? 0)
}

async function compare(
  db: WorkspaceDb,
  context: WorkspaceContext,
  customerId: string,
  stored: Profile,
  { now, keptFromDay }: ProfileLook,
): Promise<{ counts: Difference[]; segments: Difference[] }> {
  const recounted = await recount(db, customerId, stored, context.currency, keptFromDay)
  const counts = differingCounts(stored, recounted, keptFromDay).map((name) =>
    difference(
      'profiles',
      customerId,
      `${name}: ${told(stored, name)} kept, ${told(recounted, name)} counted`,
    ),
  )
  const { entered, left } = updateSegments(
    { ...recounted, segments: { ...stored.segments } },
    context.segments,
    now,
  )
  const segments = [
    ...entered.map((id) => difference('segments', customerId, `is in ${id} and is not kept there`)),
    ...left.map((id) => difference('segments', customerId, `is kept in ${id} and is not in it`)),
  ]
  return { counts, segments }
}

/** The stored profile with the counts that its events make; what is older than they reach stays as it was. */
async function recount(
  db: WorkspaceDb,
  customerId: string,
  stored: Profile,
  currency: ReportingCurrency,
  keptFromDay: number,
): Promise<Profile> {
  const recounted = recountProfile(await loadCustomerEvents(db, customerId), currency)?.counts ?? {}
  const counts = { ...recounted }
  for (const [name, old] of Object.entries(stored.counts)) {
    if (old.firstAt >= keptFromDay * 86_400_000) continue
    counts[name] = withOlder(old, Object.hasOwn(recounted, name) ? recounted[name] : undefined, keptFromDay)
  }
  return { ...stored, counts }
}

/** Of a name that is older than the events kept: its days from then on as counted, the others as stored. */
function withOlder(stored: EventCounts, counted: EventCounts | undefined, keptFromDay: number): EventCounts {
  const isKept = ([day]: EventCounts['days'][number]): boolean => day >= keptFromDay
  const sums = (days: EventCounts['days']): [number, number] =>
    days.reduce(([count, value], [, more, worth]) => [count + more, value + worth], [0, 0])
  const newer = (counted?.days ?? []).filter(isKept)
  const [countWas, valueWas] = sums(stored.days.filter(isKept))
  const [countIs, valueIs] = sums(newer)
  return {
    ...stored,
    total: stored.total - countWas + countIs,
    valueMicros: stored.valueMicros - valueWas + valueIs,
    days: [...stored.days.filter((day) => !isKept(day)), ...newer],
  }
}

function told(profile: Profile, name: string): string {
  const counts = Object.hasOwn(profile.counts, name) ? profile.counts[name] : undefined
  return counts === undefined ? 'nothing' : `${counts.total} (${counts.valueMicros} micros)`
}

const repairedPerTransaction = 50

async function repairAll(
  store: Store,
  contexts: WorkspaceContexts,
  workspace: string,
  wrong: Wrong[],
  look: ProfileLook,
  result: ProfileCheck,
): Promise<void> {
  const repaired = new Set<string>()
  for (let from = 0; from < wrong.length; from += repairedPerTransaction) {
    const some = wrong.slice(from, from + repairedPerTransaction)
    await store.transaction(async (tx) => {
      for (const customerId of await repairSome(tx, contexts, workspace, some, look)) repaired.add(customerId)
    })
  }
  for (const own of [...result.profiles.differences, ...result.segments.differences]) {
    own.repaired = repaired.has(own.id)
  }
}

async function repairSome(
  tx: StoreTransaction,
  contexts: WorkspaceContexts,
  workspace: string,
  wrong: Wrong[],
  { now, keptFromDay }: ProfileLook,
): Promise<string[]> {
  const context = await contexts.load(tx, workspace)
  if (context === null) return []
  const db = tx.workspace(workspace)
  const ids = wrong.map(({ customerId }) => customerId)
  await db.lockCustomers(ids)
  const customers = await loadCustomers(db, ids)
  const mended: Customer[] = []
  for (const { customerId, mendSegments } of wrong) {
    const customer = customers.get(customerId)
    if (customer === undefined || customer.mergedInto !== null) continue
    customer.profile = await recount(db, customerId, customer.profile, context.currency, keptFromDay)
    mended.push(customer)
    if (!mendSegments) continue
    updateSegments(customer.profile, context.segments, now)
    const dueAt = nextSegmentChangeAt(customer.profile, context.segments, now)
    await setTimers(db, [{ customerId, kind: 'segments', subject: '', dueAt }])
  }
  await saveCustomers(db, mended, now)
  return mended.map(({ customerId }) => customerId)
}
