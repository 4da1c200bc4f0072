import type { CustomerEvent } from '#contracts/event.ts'
import type { Profile } from '#contracts/profile.ts'
import type { Store, WorkspaceDb } from '#platform/store/store.ts'
import { loadMembers } from '../../profile/account-rows.ts'
import { accountIdOf } from '../../profile/accounts.ts'
import { loadAppliedEvents } from '../../profile/event-rows.ts'
import { customerZone } from '../../profile/zone-of-place.ts'
import { type Era, lastMerges, loadEras, loadSends, overruns, type Send } from './check-caps.ts'
import { type CheckResult, difference } from './difference.ts'
import { eachPage } from './pages.ts'

/** A customer of an account, and what of theirs counts. */
interface Member {
  sends: Send[]
  zone: string
  /** From then on the engine knew that they belong to it, and all of these sends as theirs. */
  from: number
}

/**
 * Counts what all of an account got against the caps per account that were in force at each send. As the other
 * caps are counted: without the guardrail's code.
 */
export async function checkAccountCaps(store: Store, workspace: string): Promise<CheckResult> {
  const result: CheckResult = { checked: 0, differences: [] }
  const { workspaceEras, campaignEras, zone } = await store.snapshot((scope) => loadEras(scope, workspace))
  const eras = [workspaceEras, ...campaignEras.values()].flat()
  if (!eras.some(({ caps }) => caps.some(({ per }) => per === 'account'))) return result
  const mergedAt = await lastMerges(store.read.workspace(workspace))
  await eachPage(store, workspace, 'accounts', async (accounts, db) => {
    const accountIds = accounts.map((row) => row.account_id)
    for (const [accountId, customerIds] of await loadMembers(db, accountIds)) {
      const members = await loadMembersOf(db, accountId, customerIds, { zone, mergedAt })
      for (const { zone: ownZone, ...member } of members) {
        for (const send of member.sends) {
          result.checked += 1
          if (send.at <= member.from) continue
          const counted = members.filter(({ from }) => from < send.at).flatMap(({ sends }) => sends)
          const ofCampaign = campaignEras.get(send.campaignId) ?? []
          const inCampaign = counted.filter(({ campaignId }) => campaignId === send.campaignId)
          const found = [
            ...overrunsOf(accountId, workspaceEras, counted, send, ownZone, 'the workspace’s'),
            ...overrunsOf(accountId, ofCampaign, inCampaign, send, ownZone, `${send.campaignId}’s`),
          ]
          result.differences.push(...found)
        }
      }
    }
  })
  return result
}

function overrunsOf(
  accountId: string,
  eras: Era[],
  counted: Send[],
  send: Send,
  zone: string,
  whose: string,
) {
  return overruns(eras, counted, send, zone, whose, 'account').map(({ detail }) =>
    difference('account-caps', send.messageId, `${detail} to ${accountId}`),
  )
}

async function loadMembersOf(
  db: WorkspaceDb,
  accountId: string,
  customerIds: string[],
  { zone, mergedAt }: { zone: string; mergedAt: ReadonlyMap<string, number> },
): Promise<Member[]> {
  const sends = await loadSends(db, customerIds)
  const known = await knownSince(db, accountId, customerIds)
  const customers = await db
    .selectByKeys('customers', 'customer_id', customerIds)
    .select(['customers.customer_id', 'customers.profile_json'])
    .execute()
  return customers.map((row) => ({
    sends: sends.get(row.customer_id) ?? [],
    zone: customerZone(JSON.parse(row.profile_json) as Profile, zone),
    // Before a merge some of the sends were another's.
    from: Math.max(known.get(row.customer_id) ?? 0, mergedAt.get(row.customer_id) ?? 0),
  }))
}

/** When it was applied that the customer belongs to the account; where its event is kept no longer, long ago. */
async function knownSince(
  db: WorkspaceDb,
  accountId: string,
  customerIds: string[],
): Promise<Map<string, number>> {
  const since = new Map<string, number>()
  for (const { event, appliedAt } of await loadAppliedEvents(db, customerIds, 'group')) {
    if (accountIdOf(event as CustomerEvent) !== accountId) continue
    const at = appliedAt ?? event.receivedAt
    since.set(event.customerId, Math.min(at, since.get(event.customerId) ?? at))
  }
  return since
}
