import type { ChannelName } from '#contracts/campaign.ts'
import type { ConsentState } from '#contracts/profile.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { setConsent } from '../profile/consent-rows.ts'
import { suppress, unsuppress } from '../profile/suppression-rows.ts'
import { audit, type Change, type ChangeParts } from './change-workspace.ts'
import { findCustomer } from './find-customer.ts'
import { listSending } from './list-sending.ts'

/** Consent given or withdrawn, in force when this resolves: it serialises with claims on the customer's row. */
export async function changeConsent(
  { store, clock }: ChangeParts,
  change: Change & { customer: string; channel: ChannelName; state: ConsentState; source: string },
): Promise<{ customerId: string; alreadySending: string[] }> {
  return store.transaction(async (tx) => {
    const { channel, state, source } = change
    const now = clock.now()
    const db = tx.workspace(change.workspace)
    const customerId = await findCustomer(db, change.customer)
    await setConsent(db, { customerId, channel, state, source, now })
    await audit(tx, change, now, `consent.${state}`, customerId, `${channel}, ${source}`)
    return { customerId, alreadySending: await listSending(db, { customerId, channel }) }
  })
}

export interface AddressFact {
  channel: ChannelName
  address: string
  reason: string
  detail: string
}

/** Addresses not to be written to, in force when this resolves. Resolves to sends that had begun before. */
export async function suppressAddresses(
  { store, clock }: ChangeParts,
  change: Change & { facts: AddressFact[] },
): Promise<{ alreadySending: string[] }> {
  return store.transaction(async (tx) => {
    const db = tx.workspace(change.workspace)
    const now = clock.now()
    const keys = new Set(change.facts.map(addressKey))
    const underWay = await messagesTo(db, keys)
    await db.lockCustomers([...new Set(underWay.map((row) => row.customer_id))])
    for (const fact of change.facts) await suppress(db, { ...fact, now })
    const [first] = change.facts
    const target = change.facts.length === 1 && first ? addressKey(first) : `${change.facts.length} addresses`
    await audit(tx, change, now, 'suppress', target)
    const sending = (await messagesTo(db, keys)).filter((row) => row.state === 'sending')
    return { alreadySending: sending.map((row) => row.message_id).sort() }
  })
}

/** Resolves to whether the address was suppressed. */
export async function unsuppressAddress(
  { store, clock }: ChangeParts,
  change: Change & { channel: ChannelName; address: string },
): Promise<boolean> {
  return store.transaction(async (tx) => {
    const removed = await unsuppress(tx.workspace(change.workspace), change)
    if (removed) await audit(tx, change, clock.now(), 'unsuppress', addressKey(change))
    return removed
  })
}

/** Messages not yet ended that go to one of the addresses. */
async function messagesTo(db: WorkspaceDb, keys: ReadonlySet<string>) {
  const rows = await db
    .selectFrom('messages')
    .select(['messages.message_id', 'messages.customer_id', 'messages.channel', 'messages.address'])
    .select('messages.state')
    .where('messages.state', 'in', ['queued', 'sending'])
    .execute()
  return rows.filter((row) => keys.has(addressKey(row)))
}

function addressKey({ channel, address }: { channel: string; address: string }): string {
  const trimmed = address.trim()
  return `${channel}:${channel === 'email' ? trimmed.toLowerCase() : trimmed}`
}
