import type { ChannelName } from '#contracts/campaign.ts'
import { type Consents, consentScope } from '#contracts/profile.ts'
import type { StoreScope, WorkspaceDb } from '#platform/store/store.ts'
import type { ConfirmTarget, LinkTarget } from '../action/links.ts'
import type { PreferencesView } from '../action/preference-page.ts'
import { lockedMessage } from '../action/unsubscribe.ts'
import { messageEventsOf } from '../action/webhooks/message-event.ts'
import { noteEvents } from '../action/webhooks/note-events.ts'
import {
  loadGuardrailSettings,
  loadSubscriptionGroups,
  type VersionedGroup,
} from '../campaign/document-rows.ts'
import { loadWorkspace } from '../campaign/workspaces.ts'
import { canonicalCustomerId } from '../profile/canonical-customer.ts'
import {
  type ConsentChoice,
  type ConsentProof,
  loadConsents,
  lockCustomerRow,
} from '../profile/consent-rows.ts'
import { isSubscribed, topicsIn } from '../profile/subscriptions.ts'
import { applyChoices, type ChangedConsents, type ConsentParts } from './change-consent.ts'

/** What the form of the preference page holds. */
export interface PreferenceForm {
  /** Scopes that the customer saw: what was not shown was not refused. */
  shown: readonly string[]
  /** Those of them with a tick. */
  wanted: readonly string[]
  /** The button that takes them off everything. */
  nothing: boolean
}

export type SavedPreferences =
  | ({ kind: 'saved'; view: PreferencesView } & ChangedConsents)
  | { kind: 'not-found' }

type Seen = Pick<ConsentProof, 'ip' | 'userAgent'>

/** What a customer may choose and has chosen, by the link of one of their messages. */
export async function readPreferences(
  { snapshot }: Pick<ConsentParts['store'], 'snapshot'>,
  { workspace, messageId }: LinkTarget,
): Promise<PreferencesView | null> {
  return snapshot(async (scope) => {
    const db = scope.workspace(workspace)
    const message = await db
      .selectFrom('messages')
      .select(['messages.customer_id', 'messages.channel', 'messages.address'])
      .where('messages.message_id', '=', messageId)
      .executeTakeFirst()
    return message === undefined ? null : viewOf(scope, db, message)
  })
}

/** Saves what the form says; in force when this resolves, and whatever it refuses begins to be sent no more. */
export async function savePreferences(
  parts: ConsentParts,
  { workspace, messageId }: LinkTarget,
  form: PreferenceForm,
  seen: Seen,
): Promise<SavedPreferences> {
  const saved = await parts.store.transaction(async (tx): Promise<SavedPreferences> => {
    const db = tx.workspace(workspace)
    const now = parts.clock.now()
    const message = await lockedMessage(db, messageId)
    if (message === null) return { kind: 'not-found' }
    const customerId = await lockCustomerRow(db, message.customer_id, now)
    const own = message.channel as ChannelName
    const { groups, rules, consents } = await factsOf(db, customerId)
    const choices = form.nothing
      ? allChannels.map((channel) => ({ channel, state: 'denied' as const }))
      : choicesOf(form, { groups, rules, consents })
    const proof: ConsentProof = { source: 'preference-page', messageId, textVersion: pageVersion, ...seen }
    const isProven = (channel: ChannelName) => channel === own
    const said = { workspace, customerId, groups, choices, proof, isProven }
    const changed = await applyChoices(tx, said, parts, now)
    await noteRefused(db, messageId, consents, choices, now)
    return { kind: 'saved', customerId, ...changed, view: await viewOf(tx, db, message) }
  })
  if (saved.kind === 'saved' && saved.confirmations.length > 0) parts.wake.notify('messages')
  return saved
}

export type Confirmed =
  /** `confirmed`: now; `not-pending`: it was before, or the customer has said no since. */
  { kind: 'confirmed' | 'not-pending' | 'to-confirm'; topicName: string } | { kind: 'not-found' }

/** What a link to confirm is about; changes nothing. */
export async function readConfirmation(
  { snapshot }: Pick<ConsentParts['store'], 'snapshot'>,
  target: ConfirmTarget,
): Promise<Confirmed> {
  return snapshot(async (scope) => {
    const db = scope.workspace(target.workspace)
    const group = (await loadSubscriptionGroups(db)).find(({ id }) => id === target.topic)
    if (group === undefined) return { kind: 'not-found' }
    const customerId = await canonicalCustomerId(db, target.customerId)
    return {
      kind: (await isPending(db, customerId, target)) ? 'to-confirm' : 'not-pending',
      topicName: group.name,
    }
  })
}

/** The second yes. Only what waits for it is confirmed: an old link takes back no later no. */
export async function confirmSubscription(
  parts: ConsentParts,
  target: ConfirmTarget,
  seen: Seen,
): Promise<Confirmed> {
  return parts.store.transaction(async (tx) => {
    const db = tx.workspace(target.workspace)
    const now = parts.clock.now()
    const groups = await loadSubscriptionGroups(db)
    const group = groups.find(({ id }) => id === target.topic)
    if (group === undefined) return { kind: 'not-found' }
    const customerId = await lockCustomerRow(db, target.customerId, now)
    if (!(await isPending(db, customerId, target))) return { kind: 'not-pending', topicName: group.name }
    const { channel, topic } = target
    const proof: ConsentProof = { source: 'double-opt-in', ...seen }
    const choices: ConsentChoice[] = [{ channel, topic, state: 'granted' }]
    const said = { workspace: target.workspace, customerId, groups, choices, proof, isProven: () => true }
    await applyChoices(tx, said, parts, now)
    return { kind: 'confirmed', topicName: group.name }
  })
}

/** Of the page's own words; topics have versions of their own. */
const pageVersion = 'preference-page@1'
const allChannels: ChannelName[] = ['email', 'sms', 'push', 'in-app', 'webhook']

interface Facts {
  groups: VersionedGroup[]
  rules: { consentRequired: readonly ChannelName[] }
  consents: Consents
}

async function factsOf(db: WorkspaceDb, customerId: string): Promise<Facts> {
  return {
    groups: await loadSubscriptionGroups(db),
    rules: await loadGuardrailSettings(db),
    consents: (await loadConsents(db, [customerId])).get(customerId) ?? {},
  }
}

/** Topics of a channel that were shown; a tick says yes, none says no, none in the whole channel refuses it. */
function choicesOf({ shown, wanted }: PreferenceForm, facts: Facts): ConsentChoice[] {
  const { groups, consents } = facts
  return allChannels.flatMap((channel): ConsentChoice[] => {
    const all = topicsIn(groups, channel)
    const seen = all.filter((topic) => shown.includes(consentScope(channel, topic)))
    if (seen.length === 0) return []
    const wants = (topic: string) => wanted.includes(consentScope(channel, topic))
    if (seen.length === all.length && !seen.some(wants)) {
      return consents[channel] === 'denied' ? [] : [{ channel, state: 'denied' }]
    }
    return seen
      .filter((topic) => wants(topic) !== isSubscribed(consents, channel, kindOf(facts, channel, topic)))
      .map((topic) => ({ channel, topic, state: wants(topic) ? 'granted' : 'denied' }))
  })
}

/** Other systems hear of what is refused from now on, as they do of a click on the link to unsubscribe. */
async function noteRefused(
  db: WorkspaceDb,
  messageId: string,
  before: Consents,
  choices: readonly ConsentChoice[],
  now: number,
): Promise<void> {
  const refused = choices
    .filter(({ state }) => state === 'denied')
    .map(({ channel, topic }) => consentScope(channel, topic))
    .filter((scope) => before[scope] !== 'denied')
  if (refused.length === 0) return
  const happened = { kind: 'unsubscribe', messageId, key: `page ${now}`, at: now, reason: refused.join(' ') }
  await noteEvents(db, messageEventsOf([happened]))
}

/** What has no topic is wanted until refused, where no yes is required. */
function kindOf({ groups, rules, consents }: Facts, channel: ChannelName, topic: string) {
  const needsYes = rules.consentRequired.includes(channel) && consents[channel] !== 'granted'
  const kind = groups.find(({ id }) => id === topic)?.kind ?? (needsYes ? 'opt-in' : 'opt-out')
  return { topic, kind } as const
}

async function viewOf(
  scope: StoreScope,
  db: WorkspaceDb,
  message: { customer_id: string; channel: string; address: string },
): Promise<PreferencesView> {
  const facts = await factsOf(db, message.customer_id)
  const own = message.channel as ChannelName
  const offered = allChannels.filter((channel) =>
    facts.groups.some((group) => group.channels.includes(channel)),
  )
  return {
    workspaceName: (await loadWorkspace(scope, db.workspace))?.name ?? '',
    address: message.address,
    channels: [own, ...offered.filter((channel) => channel !== own)].map((channel) => ({
      channel,
      topics: topicsIn(facts.groups, channel).map((topic) => {
        const group = facts.groups.find(({ id }) => id === topic)
        return {
          scope: consentScope(channel, topic),
          name: group?.name ?? null,
          description: group?.description ?? '',
          isSubscribed: isSubscribed(facts.consents, channel, kindOf(facts, channel, topic)),
          isPending: facts.consents[consentScope(channel, topic)] === 'pending',
        }
      }),
    })),
  }
}

async function isPending(
  db: WorkspaceDb,
  customerId: string,
  { channel, topic }: ConfirmTarget,
): Promise<boolean> {
  const known = (await loadConsents(db, [customerId])).get(customerId)
  return known?.[consentScope(channel, topic)] === 'pending'
}
