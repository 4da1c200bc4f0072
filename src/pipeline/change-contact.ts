import type { ChannelName } from '#contracts/campaign.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { suppressMany, unsuppress } from '../profile/suppression-rows.ts'
import { audit, type Change, type ChangeParts } from './change-workspace.ts'

export interface AddressFact {
  channel: ChannelName
  address: string
  reason: string
  detail: string
  /** When it came to be known; default now. */
  createdAt?: number
}

/** Addresses not to be written to, in force when this resolves. Resolves to sends that had begun before. */
export async function suppressAddresses(
  { store, clock }: ChangeParts,
  change: Change & { facts: AddressFact[] },
): Promise<{ alreadySending: string[] }> {
  return store.transaction(async (tx) => {
    const db = tx.workspace(change.workspace)
    const now = clock.now()
    await suppressMany(
      db,
      change.facts.map((fact) => ({ createdAt: now, ...fact })),
    )
    // Claims under way are waited for, the next ones see the facts: all claims, since nobody knows yet which
    // messages will go to an address.
    await db.lock('configuration')
    const [first] = change.facts
    const target = change.facts.length === 1 && first ? addressKey(first) : `${change.facts.length} addresses`
    await audit(tx, change, now, 'suppress', target)
    return { alreadySending: await sendingTo(db, new Set(change.facts.map(addressKey))) }
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

/** Ids of messages `sending` to one of the addresses. */
async function sendingTo(db: WorkspaceDb, keys: ReadonlySet<string>): Promise<string[]> {
  const rows = await db
    .selectFrom('messages')
    .select(['messages.message_id', 'messages.channel', 'messages.address'])
    .where('messages.state', '=', 'sending')
    .execute()
  return rows
    .filter((row) => keys.has(addressKey(row)))
    .map((row) => row.message_id)
    .sort()
}

function addressKey({ channel, address }: { channel: string; address: string }): string {
  const trimmed = address.trim()
  return `${channel}:${channel === 'email' ? trimmed.toLowerCase() : trimmed}`
}
