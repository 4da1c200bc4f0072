import type { ChannelName } from '#contracts/campaign.ts'
import { consentScope, noTopic } from '#contracts/profile.ts'
import type { StoreTransaction, WorkspaceDb } from '#platform/store/store.ts'
import type { Wake } from '#platform/threads/wake.ts'
import type { Links } from '../action/links.ts'
import { stillSending } from '../action/still-sending.ts'
import { loadSubscriptionGroups, type VersionedGroup } from '../campaign/document-rows.ts'
import type { TemplateCache } from '../creative/template-cache.ts'
import {
  type ConsentChoice,
  type ConsentProof,
  loadConsents,
  lockCustomerRow,
  setConsents,
} from '../profile/consent-rows.ts'
import { withRefusalsKept } from '../profile/subscriptions.ts'
import { audit, type Change, type ChangeParts } from './change-workspace.ts'
import { findCustomer } from './find-customer.ts'
import { queueTransactional } from './send-transactional.ts'
import { topicOf } from './topic-of.ts'

export interface ConsentParts extends ChangeParts {
  wake: Wake
  templates: TemplateCache
  links: Pick<Links, 'confirmUrl'>
}

/** A message that asks to confirm a yes: queued, or why there is none. */
export interface Confirmation {
  channel: ChannelName
  topic: string
  messageId: string | null
  detail: string
}

export interface ChangedConsents {
  customerId: string
  /** Sends of what was refused that had begun before: they may still arrive. */
  alreadySending: string[]
  /** For each yes that counts once it was confirmed. */
  confirmations: Confirmation[]
}

/** Consent given or withdrawn, in force when this resolves: it serialises with claims on the customer's row. */
export async function changeConsents(
  parts: ConsentParts,
  change: Change & { customer: string; choices: readonly ConsentChoice[]; proof: ConsentProof },
): Promise<ChangedConsents> {
  const { workspace, choices, proof } = change
  const changed = await parts.store.transaction(async (tx) => {
    const db = tx.workspace(workspace)
    const now = parts.clock.now()
    const customerId = await lockCustomerRow(db, await findCustomer(db, change.customer), now)
    const groups = await loadSubscriptionGroups(db)
    const said = { workspace, customerId, groups, choices, proof, isProven: () => false }
    const result = await applyChoices(tx, said, parts, now)
    for (const { channel, topic, state } of choices) {
      const note = `${consentScope(channel, topic)}, ${proof.source}`
      await audit(tx, change, now, `consent.${state}`, customerId, note)
    }
    return { customerId, ...result }
  })
  if (changed.confirmations.length > 0) parts.wake.notify('messages')
  return changed
}

/**
 * The part of it inside the transaction, the customer's row being locked. `isProven`: the customer said it where
 * only the owner of the channel's address could; elsewhere a yes to a topic with double opt-in is `pending`
 * until the message that is queued here was answered.
 */
export async function applyChoices(
  tx: StoreTransaction,
  said: {
    workspace: string
    customerId: string
    groups: readonly VersionedGroup[]
    choices: readonly ConsentChoice[]
    proof: ConsentProof
    isProven(channel: ChannelName): boolean
  },
  parts: Pick<ConsentParts, 'links' | 'templates'>,
  now: number,
): Promise<Omit<ChangedConsents, 'customerId'>> {
  const { workspace, customerId, groups, proof } = said
  const db = tx.workspace(workspace)
  const known = (await loadConsents(db, [customerId])).get(customerId) ?? {}
  const choices = said.choices.map((choice): ConsentChoice => {
    const group = groups.find(({ id }) => id === choice.topic)
    if (group === undefined) return choice
    const versioned = { textVersion: `${group.id}@${group.version}`, ...choice }
    return mustConfirm(group, choice) ? { ...versioned, state: 'pending' } : versioned
  })
  function mustConfirm(group: VersionedGroup, { channel, topic, state }: ConsentChoice): boolean {
    if (state !== 'granted' || said.isProven(channel) || group.doubleOptIn?.[channel] === undefined)
      return false
    return known[consentScope(channel, topic)] !== 'granted' || known[channel] === 'denied'
  }
  await setConsents(db, { customerId, choices: withRefusalsKept(known, groups, choices), proof, now })
  const confirmations: Confirmation[] = []
  for (const choice of choices.filter(({ state }) => state === 'pending')) {
    confirmations.push(await askToConfirm(tx, said, choice, parts, now))
  }
  return { alreadySending: await sendingRefused(db, customerId, choices), confirmations }
}

async function sendingRefused(
  db: WorkspaceDb,
  customerId: string,
  choices: readonly ConsentChoice[],
): Promise<string[]> {
  const refused = choices.filter(({ state }) => state !== 'granted')
  if (refused.length === 0) return []
  return stillSending(db, customerId, topicOf, (channel, topic = noTopic) =>
    refused.some((choice) => choice.channel === channel && (choice.topic ?? topic) === topic),
  )
}

/** However often a form is sent, one such message an hour: others must not be mailed by a stranger's clicks. */
const askEveryMs = 3_600_000

async function askToConfirm(
  tx: StoreTransaction,
  {
    workspace,
    customerId,
    groups,
  }: { workspace: string; customerId: string; groups: readonly VersionedGroup[] },
  { channel, topic = noTopic }: ConsentChoice,
  { links, templates }: Pick<ConsentParts, 'links' | 'templates'>,
  now: number,
): Promise<Confirmation> {
  const group = groups.find(({ id }) => id === topic)!
  const scope = consentScope(channel, topic)
  const confirm = links.confirmUrl({ workspace, customerId, channel, topic })
  const result = await queueTransactional(
    tx,
    workspace,
    {
      key: `double-opt-in ${customerId} ${scope} ${Math.floor(now / askEveryMs)}`,
      template: group.doubleOptIn?.[channel] ?? '',
      to: { customer: customerId },
      data: { topic: group.name },
      links: { confirm },
    },
    { now, templates },
  )
  return result.kind === 'queued'
    ? { channel, topic, messageId: result.messageId, detail: '' }
    : { channel, topic, messageId: null, detail: result.fault.detail }
}
