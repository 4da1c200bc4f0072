import { sql } from 'kysely'
import type { ChannelName } from '#contracts/campaign.ts'
import type { InstantMs } from '#contracts/clock.ts'
import { type ConsentScope, type ConsentState, type Consents, consentScope } from '#contracts/profile.ts'
import { stableId } from '#platform/ids/ids.ts'
import type { RecurringQuery } from '#platform/store/recurring-query.ts'
import type { RowOf, WorkspaceDb } from '#platform/store/store.ts'
import { canonicalCustomerId } from './canonical-customer.ts'
import { newProfile } from './profile.ts'

/** Consent as far as it is known, by customer, channel and topic. Customers without any are absent. */
export async function loadConsents(db: WorkspaceDb, customerIds: string[]): Promise<Map<string, Consents>> {
  const consents = new Map<string, Consents>()
  if (customerIds.length === 0) return consents
  const rows = await db.recurring(ofCustomers, { customerIds })
  for (const { customer_id, channel, state } of rows) {
    const own = consents.get(customer_id) ?? {}
    own[channel as ConsentScope] = state
    consents.set(customer_id, own)
  }
  return consents
}

/** Where the consent of a channel came from, by customer. */
export async function loadConsentSources(
  db: WorkspaceDb,
  customerIds: readonly string[],
  channel: ChannelName,
): Promise<Map<string, string>> {
  if (customerIds.length === 0) return new Map()
  const rows = await db
    .selectByKeys('consents', 'customer_id', customerIds)
    .where('consents.channel', '=', channel)
    .select(['consents.customer_id', 'consents.source'])
    .execute()
  return new Map(rows.map((row) => [row.customer_id, row.source]))
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

/** How it is known that a customer said so: kept for good with each consent and each withdrawal. */
export interface ConsentProof {
  /** Where it came from: `unsubscribe-link`, `preference-page`, `api`, `import`. */
  source: string
  /** Who noted it: an API key's name; left out where the customer did. */
  actor?: string
  /** The message whose link was used. */
  messageId?: string
  ip?: string
  userAgent?: string
  /** Which text the customer saw. */
  textVersion?: string
}

/** What a customer chose of a channel, or of one topic in it. */
export interface ConsentChoice {
  channel: ChannelName
  topic?: string
  state: ConsentState
  /** Of the topic's text, where it differs from choice to choice. */
  textVersion?: string
}

/** One choice: see `setConsents`. */
export async function setConsent(
  db: WorkspaceDb,
  {
    customerId,
    now,
    channel,
    topic,
    state,
    ...proof
  }: ConsentProof & Omit<ConsentChoice, 'textVersion'> & { customerId: string; now: InstantMs },
): Promise<void> {
  const choice: ConsentChoice = { channel, state, ...(topic === undefined ? {} : { topic }) }
  await setConsents(db, { customerId, choices: [choice], proof, now })
}

/**
 * Notes consents or their withdrawal, each with its proof. It takes the customer's lock and counts the
 * customer's version up, so that claims serialise with it; a customer without a row gets one, one that was
 * merged away stands for the canonical one.
 */
export async function setConsents(
  db: WorkspaceDb,
  said: { customerId: string; choices: readonly ConsentChoice[]; proof: ConsentProof; now: InstantMs },
): Promise<void> {
  const { choices, proof, now } = said
  if (choices.length === 0) return
  const customerId = await lockCustomerRow(db, said.customerId, now)
  const rows = choices.map(({ channel, topic, state }) => ({
    customer_id: customerId,
    channel: consentScope(channel, topic),
    state,
    source: proof.source,
    changed_at: now,
  }))
  await db.bulkInsert('consents', rows, {
    key: ['workspace', 'customer_id', 'channel'],
    update: ['state', 'source', 'changed_at'],
  })
  await insertProofs(db, customerId, choices, proof, now)
  await db
    .updateTable('customers')
    .set({ version: sql`customers.version + 1`, updated_at: now })
    .where('customers.customer_id', '=', customerId)
    .execute()
}

/** All that a customer and those merged into them have said, oldest first. */
export async function loadConsentRecords(
  db: WorkspaceDb,
  customerId: string,
): Promise<RowOf<'consent_records'>[]> {
  return await db
    .selectFrom('consent_records')
    .selectAll('consent_records')
    .where('consent_records.customer_id', '=', customerId)
    .orderBy('consent_records.recorded_at')
    .orderBy('consent_records.record_id')
    .execute()
}

/** The longest user agent that is kept: more than browsers have. */
const userAgentCharsMax = 500

async function insertProofs(
  db: WorkspaceDb,
  customerId: string,
  choices: readonly ConsentChoice[],
  proof: ConsentProof,
  now: InstantMs,
): Promise<void> {
  const { source, actor = '', messageId = '', ip = '' } = proof
  const rows = choices.map(({ channel, topic = '', state, textVersion = proof.textVersion ?? '' }) => ({
    // The same said twice in one millisecond is said once.
    record_id: stableId(customerId, channel, topic, state, source, actor, messageId, String(now)),
    customer_id: customerId,
    channel,
    topic,
    state,
    source,
    actor,
    message_id: messageId,
    ip,
    user_agent: (proof.userAgent ?? '').slice(0, userAgentCharsMax),
    text_version: textVersion,
    recorded_at: now,
  }))
  await db.bulkInsert('consent_records', rows, 'ignore')
}

/** The customer that this one stands for, with a row, locked: a merge may come in between until the lock is held. */
export async function lockCustomerRow(db: WorkspaceDb, customerId: string, now: InstantMs): Promise<string> {
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

/**
 * Moves consents to `intoId`, with their proofs: of two answers the stricter one holds (a no before one to be
 * confirmed before a yes); what only one side says holds.
 */
export async function mergeConsents(db: WorkspaceDb, fromId: string, intoId: string): Promise<void> {
  const rows = await db
    .selectByKeys('consents', 'customer_id', [fromId, intoId])
    .selectAll('consents')
    .execute()
  const kept = new Map(
    rows.filter((row) => row.customer_id === intoId).map((row) => [row.channel, row.state]),
  )
  const moved = rows.filter(({ customer_id, channel, state }) => {
    const own = kept.get(channel)
    return customer_id === fromId && (own === undefined || strictness[state] > strictness[own])
  })
  await db.bulkInsert(
    'consents',
    moved.map(({ workspace: _, ...row }) => ({ ...row, customer_id: intoId })),
    { key: ['workspace', 'customer_id', 'channel'], update: ['state', 'source', 'changed_at'] },
  )
  await db.deleteFrom('consents').where('consents.customer_id', '=', fromId).execute()
  await db
    .updateTable('consent_records')
    .set({ customer_id: intoId })
    .where('consent_records.customer_id', '=', fromId)
    .execute()
}

const strictness: Record<ConsentState, number> = { granted: 0, pending: 1, denied: 2 }
