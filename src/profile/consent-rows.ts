import { sql } from 'kysely'
import type { ChannelName } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import type { ConsentState } from '#contracts/profile.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { canonicalCustomerId } from './canonical-customer.ts'
import { newProfile } from './profile.ts'

/** Consent as far as it is known, by customer and channel. Customers without any are absent. */
export async function loadConsents(
  db: WorkspaceDb,
  customerIds: string[],
): Promise<Map<string, Partial<Record<ChannelName, ConsentState>>>> {
  const consents = new Map<string, Partial<Record<ChannelName, ConsentState>>>()
  if (customerIds.length === 0) return consents
  const rows = await db.recurring(ofCustomers, { customerIds })
  for (const { customer_id, channel, state } of rows) {
    const own = consents.get(customer_id) ?? {}
    own[channel as ChannelName] = state
    consents.set(customer_id, own)
  }
  return consents
}

const ofCustomers: RecurringQuery<
  { customerIds: readonly string[] },
  Pick<RowOf<'consents'>, 'customer_id' | 'channel' | 'state'>
> = {
  like: { customerIds: 'keys' },
  build: (db, { customerIds }) =>
    db
      .selectByKeys('consents', 'customer_id', customerIds)
      .select(['consents.customer_id', 'consents.channel', 'consents.state']),
}

/**
 * Notes a consent or its withdrawal. It takes the customer's lock and counts the customer's version up, so
 * that claims serialise with it; a customer without a row gets one, one that was merged away stands for
 * the canonical one.
 */
export async function setConsent(
  db: WorkspaceDb,
  consent: {
    customerId: string
    channel: ChannelName
    state: ConsentState
    /** Where it came from: `unsubscribe-link`, `api`, `import`. */
    source: string
    now: InstantMs
  },
): Promise<void> {
  const { channel, state, source, now } = consent
  const customerId = await lockedCanonical(db, consent.customerId, now)
  await db.bulkInsert('consents', [{ customer_id: customerId, channel, state, source, changed_at: now }], {
    key: ['workspace', 'customer_id', 'channel'],
    update: ['state', 'source', 'changed_at'],
  })
  await db
    .updateTable('customers')
    .set({ version: sql`customers.version + 1`, updated_at: now })
    .where('customers.customer_id', '=', customerId)
    .execute()
}

/** The customer that this one stands for, with a row, locked: a merge may come in between until the lock is held. */
async function lockedCanonical(db: WorkspaceDb, customerId: string, now: InstantMs): Promise<string> {
  let locked = customerId
  for (;;) {
    const customer = {
      customer_id: locked,
      version: 0,
      merged_into: null,
      profile_json: JSON.stringify(newProfile(now)),
      updated_at: now,
    }
    await db.bulkInsert('customers', [customer], 'ignore')
    await db.lockCustomers([locked])
    const canonical = await canonicalCustomerId(db, locked)
    if (canonical === locked) return locked
    locked = canonical
  }
}

/** Moves consents to `intoId`: what either side has denied is denied; what only one side says holds. */
export async function mergeConsents(db: WorkspaceDb, fromId: string, intoId: string): Promise<void> {
  const rows = await db
    .selectByKeys('consents', 'customer_id', [fromId, intoId])
    .selectAll('consents')
    .execute()
  const kept = new Map(
    rows.filter((row) => row.customer_id === intoId).map((row) => [row.channel, row.state]),
  )
  const moved = rows.filter(
    ({ customer_id, channel, state }) =>
      customer_id === fromId &&
      (!kept.has(channel) || (state === 'denied' && kept.get(channel) !== 'denied')),
  )
  await db.bulkInsert(
    'consents',
    moved.map(({ channel, state, source, changed_at }) => ({
      customer_id: intoId,
      channel,
      state,
      source,
      changed_at,
    })),
    { key: ['workspace', 'customer_id', 'channel'], update: ['state', 'source', 'changed_at'] },
  )
  await db.deleteFrom('consents').where('consents.customer_id', '=', fromId).execute()
}
