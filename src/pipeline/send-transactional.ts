import { hash } from 'node:crypto'
import type { ChannelName } from '#contracts/campaign.ts'
import type { ApiFault } from '#contracts/errors.ts'
import type { JsonObject } from '#contracts/json.ts'
import type { NewMessage } from '#contracts/message.ts'
import { endpointOfToken, parsePushAddress, pushAddressOf } from '#contracts/push-address.ts'
import { dayUtcOf, stableId } from '#platform/ids/ids.ts'
import { e164 } from '#platform/phone/e164.ts'
import type { Store, StoreTransaction, WorkspaceDb } from '#platform/store/store.ts'
import type { Wake } from '#platform/threads/wake.ts'
import { insertMessages, lockMessageRows } from '../action/message-rows.ts'
import { canonicalJson } from '../campaign/canonical-json.ts'
import { loadTemplate } from '../campaign/document-rows.ts'
import { loadWorkspace } from '../campaign/workspaces.ts'
import { templateContext } from '../creative/context.ts'
import { missingVariables } from '../creative/render.ts'
import type { TemplateCache } from '../creative/template-cache.ts'
import { loadCustomers } from '../profile/customer-rows.ts'
import { loadPushAddresses } from '../profile/endpoint-rows.ts'
import { normalEmail } from '../profile/normal-email.ts'
import { type Addressed, addressFor } from './customer-facts.ts'
import { directColumns } from './direct-message.ts'
import { findCustomer } from './find-customer.ts'

/** Somebody asked for exactly this message, and waits for it. */
export interface TransactionalRequest {
  /** Says which requests are the same one: the message's id follows from it. */
  key: string
  /** Id of a template of kind `transactional`. */
  template: string
  /** Whom: a customer (user id, or ours), an address, or a customer at an address of the request's own. */
  to: { customer?: string; address?: string }
  /** Templates name it as `data.…`. */
  data: JsonObject
  /** Links of our own, as `links.…`. */
  links?: JsonObject
}

export type TransactionalResult =
  /** `repeated`: it had been asked for before with this key, and is as it was then. */
  { kind: 'queued'; messageId: string; repeated: boolean } | { kind: 'refused'; fault: ApiFault }

/** Not sent by then, it lapses: a code that comes a day late helps nobody. */
const expiresAfterMs = 86_400_000

export interface TransactionalParts {
  store: Store
  wake: Wake
  templates: TemplateCache
}

/**
 * Queues messages past the rules that bind marketing, each by itself: one that is refused stops no other. They
 * are in the store when this resolves, and the sender is awake.
 */
export async function sendTransactional(
  { store, wake, templates }: TransactionalParts,
  workspace: string,
  requests: readonly TransactionalRequest[],
  now: number,
): Promise<TransactionalResult[]> {
  const results = await store.transaction((tx) => queueAll(tx, workspace, requests, { now, templates }))
  wake.notify('messages')
  return results
}

/** One of them as part of a transaction; the caller wakes the sender. */
export async function queueTransactional(
  tx: StoreTransaction,
  workspace: string,
  request: TransactionalRequest,
  at: { now: number; templates: TemplateCache },
): Promise<TransactionalResult> {
  const [result] = await queueAll(tx, workspace, [request], at)
  return result!
}

async function queueAll(
  tx: StoreTransaction,
  workspace: string,
  requests: readonly TransactionalRequest[],
  { now, templates }: { now: number; templates: TemplateCache },
): Promise<TransactionalResult[]> {
  const db = tx.workspace(workspace)
  const country = (await loadWorkspace(tx, workspace))?.country
  const idOf = ({ key }: TransactionalRequest) => stableId('transactional', db.workspace, key)
  const rows = await lockMessageRows(db, requests.map(idOf))
  /** By message id, of rows and of what this call adds. */
  const hashes = new Map([...rows].map(([id, row]) => [id, requestHashOf(row)]))
  const found = new Map<string, Awaited<ReturnType<typeof loadTemplate>>>()
  const fresh: NewMessage[] = []
  const results: TransactionalResult[] = []
  for (const request of requests) {
    const messageId = idOf(request)
    const { template: id, to, data } = request
    const requestHash = hash('sha256', canonicalJson({ template: id, to, data }), 'hex')
    const known = hashes.get(messageId)
    if (known !== undefined) {
      results.push(repeatOf(messageId, known === requestHash))
      continue
    }
    if (!found.has(id)) found.set(id, await loadTemplate(db, id))
    const made = await messageOf(db, request, found.get(id) ?? null, { now, templates, country })
    if ('fault' in made) {
      results.push(made)
      continue
    }
    hashes.set(messageId, requestHash)
    fresh.push({ ...made, messageId, context: { ...made.context, requestHash } })
    results.push({ kind: 'queued', messageId, repeated: false })
  }
  const queued = await insertMessages(db, fresh, now)
  const overtaken = fresh.filter(({ messageId }) => !queued.has(messageId))
  return overtaken.length === 0 ? results : settleOvertaken(db, results, overtaken)
}

/** Of requests with one key at the same time, PostgreSQL lets one go first: the others are its repeats. */
async function settleOvertaken(
  db: WorkspaceDb,
  results: readonly TransactionalResult[],
  overtaken: readonly NewMessage[],
): Promise<TransactionalResult[]> {
  const ours = new Map(overtaken.map((message) => [message.messageId, message.context.requestHash]))
  const rows = await lockMessageRows(db, [...ours.keys()])
  return results.map((result) => {
    if (result.kind === 'refused' || !ours.has(result.messageId)) return result
    const { messageId } = result
    return repeatOf(messageId, requestHashOf(rows.get(messageId)!) === ours.get(messageId))
  })
}

function requestHashOf({ context_json }: { context_json: string }): string {
  return (JSON.parse(context_json) as { requestHash?: string }).requestHash ?? ''
}

function repeatOf(messageId: string, isSame: boolean): TransactionalResult {
  if (isSame) return { kind: 'queued', messageId, repeated: true }
  const detail = `message ${messageId} was asked for under this key, with another body`
  return { kind: 'refused', fault: { code: 'idempotency_key_reused', detail } }
}

async function messageOf(
  db: WorkspaceDb,
  { template: templateId, to, data, links = {} }: TransactionalRequest,
  found: Awaited<ReturnType<typeof loadTemplate>>,
  { now, templates, country }: { now: number; templates: TemplateCache; country: string | undefined },
): Promise<Omit<NewMessage, 'messageId'> | Extract<TransactionalResult, { kind: 'refused' }>> {
  if (found === null) return refused('template', `there is no template ${templateId}`)
  const { template, version } = found
  if (template.kind !== 'transactional') {
    return refused('template', `${templateId} is a template for marketing: only a campaign may send it`)
  }
  const compiled = templates.compile(template)
  if (compiled.kind === 'faults') return refused('template', compiled.faults.join('; '))
  const recipient = await recipientOf(db, to, template.channel, country)
  if ('detail' in recipient) return refused(recipient.field, recipient.detail)
  const { customerId, address, traits } = recipient
  const context: JsonObject = { data, links }
  const offer = { id: '', name: '', value: 0, available: true, facts: {} }
  const words = { customerId, traits, trigger: context, offer, unsubscribeUrl: '-', preferencesUrl: '-' }
  // In whatever words: the claim finds out which.
  const inAllWords = [compiled.template, ...(compiled.template.locales?.values() ?? [])]
  const values = templateContext(words)
  const missing = [...new Set(inAllWords.flatMap((own) => missingVariables(own, values)))]
  if (missing.length > 0) return refused('data', `${templateId} needs ${missing.join(', ')}`)
  return {
    decisionDayUtc: dayUtcOf(now),
    ...directColumns(template, version),
    customerId,
    channel: template.channel,
    address,
    transactional: true,
    costMicros: 0,
    dueAt: now,
    expiresAt: now + expiresAfterMs,
    context,
  }
}

async function recipientOf(
  db: WorkspaceDb,
  to: TransactionalRequest['to'],
  channel: ChannelName,
  country: string | undefined,
): Promise<{ customerId: string; address: string; traits: JsonObject } | { field: string; detail: string }> {
  const given = to.address === undefined ? undefined : normalAddress(channel, to.address, country)
  if (given === null) return { field: 'to.address', detail: `that is no address for ${channel}` }
  if (to.customer === undefined && channel === 'in-app') {
    return { field: 'to.customer', detail: 'an inbox is a customer’s: say whose' }
  }
  if (to.customer === undefined) {
    if (given === undefined) return { field: 'to', detail: 'say whom: a customer, an address or both' }
    // Nobody's: a name for the address, so that its messages are found together.
    return { customerId: stableId(db.workspace, 'address', channel, given), address: given, traits: {} }
  }
  const customerId = await findCustomer(db, to.customer)
  const profile = (await loadCustomers(db, [customerId])).get(customerId)?.profile
  const known = channel === 'in-app' ? undefined : given
  const address =
    known ??
    (profile === undefined ? null : await knownAddress(db, channel, { customerId, profile, country }))
  if (address === null) {
    const what =
      profile === undefined ? `there is no customer ${to.customer}` : `no address for ${channel} is known`
    return { field: 'to.customer', detail: `${what}: give one` }
  }
  return { customerId, address, traits: profile?.traits ?? {} }
}

async function knownAddress(
  db: WorkspaceDb,
  channel: ChannelName,
  customer: Omit<Addressed, 'pushAddresses'>,
): Promise<string | null> {
  const pushAddresses = channel === 'push' ? await loadPushAddresses(db, [customer.customerId]) : new Map()
  return addressFor(channel, { ...customer, pushAddresses })
}

const addressCharsMax = 4096

/** Null: nothing that a message could go to. */
function normalAddress(channel: ChannelName, text: string, country: string | undefined): string | null {
  if (channel === 'email') return normalEmail(text) ?? null
  const address = text.trim()
  if (channel === 'sms') return e164(address, country) ?? null
  if (address === '' || address.length > addressCharsMax) return null
  if (channel !== 'push' || parsePushAddress(address) !== null) return address
  return /^\S+$/.test(address) ? pushAddressOf(endpointOfToken(address)) : null
}

function refused(field: string, detail: string): Extract<TransactionalResult, { kind: 'refused' }> {
  return { kind: 'refused', fault: { code: 'invalid_request', detail, field } }
}
