import type { Clock } from '#contracts/clock.ts'
import { dayUtcOf } from '#platform/ids/ids.ts'
import type { Store } from '#platform/store/store.ts'
import { checkAccountCaps } from './verify/check-account-caps.ts'
import { checkAccounts } from './verify/check-accounts.ts'
import { checkAssignments } from './verify/check-assignments.ts'
import { checkCaps } from './verify/check-caps.ts'
import { checkCatalogue } from './verify/check-catalogue.ts'
import { checkCodes } from './verify/check-codes.ts'
import { checkEvents } from './verify/check-events.ts'
import { checkExposures } from './verify/check-exposures.ts'
import { checkItems } from './verify/check-items.ts'
import { checkJourneys } from './verify/check-journeys.ts'
import { checkMessages } from './verify/check-messages.ts'
import { checkProfiles } from './verify/check-profiles.ts'
import { checkSpend } from './verify/check-spend.ts'
import { type CheckName, type CheckResult, checkNames, type Difference } from './verify/difference.ts'
import { createWorkspaceContexts } from './workspace-context.ts'

export type { Difference } from './verify/difference.ts'
export { checkNames } from './verify/difference.ts'

export interface Verification {
  workspace: string
  /** How many things each check looked at. */
  checked: Record<CheckName, number>
  differencesCount: number
  /** The first of them; see `differencesShownMax`. */
  differences: Difference[]
  /** How many a repair mended. */
  repairedCount: number
}

export interface VerifyParts {
  store: Store
  clock: Clock
  wallClock: Clock
  /** How long the store keeps events. */
  eventsKeepDays: number
}

export const differencesShownMax = 1000

/**
 * Counts what is derived again from the primary rows and names each difference; asks of the ledger whether
 * every rule was kept. A repair mends what is derived (counts of profiles and of the event catalogue,
 * segments, copies of accounts, categories of items, money spent, where journeys stand, what became of codes);
 * what the ledger shows broken stays, for a person to judge.
 */
export async function verify(
  { store, clock, wallClock, eventsKeepDays }: VerifyParts,
  workspace: string,
  { repair }: { repair: boolean },
): Promise<Verification> {
  const now = clock.now()
  // A day more than is kept: house-keeping may be about to delete it.
  const keptFromDay = dayUtcOf(wallClock.now()) - eventsKeepDays + 1
  const contexts = createWorkspaceContexts()
  const look = { now, keptFromDay, repair }
  const { profiles, segments } = await checkProfiles(store, contexts, workspace, look)
  const results: Record<CheckName, CheckResult> = {
    profiles,
    segments,
    accounts: await checkAccounts(store, workspace, { now, repair }),
    events: await checkEvents(store, workspace, wallClock.now()),
    catalogue: await checkCatalogue(store, workspace, { keptFromDay, repair }),
    items: await checkItems(store, workspace, { repair }),
    messages: await checkMessages(store, workspace),
    caps: await checkCaps(store, workspace),
    'account-caps': await checkAccountCaps(store, workspace),
    journeys: await checkJourneys(store, contexts, workspace, { now, repair }),
    codes: await checkCodes(store, workspace, { repair }),
    assignments: await checkAssignments(store, workspace),
    exposures: await checkExposures(store, workspace),
    spend: await checkSpend(store, workspace, { repair }),
  }
  const all = checkNames.flatMap((name) => results[name].differences)
  return {
    workspace,
    checked: Object.fromEntries(checkNames.map((name) => [name, results[name].checked])) as Record<
      CheckName,
      number
    >,
    differencesCount: all.length,
    differences: all.slice(0, differencesShownMax),
    repairedCount: all.filter(({ repaired }) => repaired).length,
  }
}
