import type { ChannelName, FrequencyCap } from '#contracts/campaign.ts'
import type { CapAnswer, CapCache, CapRule } from '#contracts/cap-cache.ts'
import type { ContactSlot } from '#contracts/guardrail.ts'
import type { Customer } from '#contracts/profile.ts'
import { capCampaignKey } from '#platform/cache/cap-entries.ts'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { capWindowStart } from '../guardrails/frequency-cap.ts'
import { customerZone } from '../profile/zone-of-place.ts'
import { loadSlots } from './load-slots.ts'
import type { WorkspaceContext } from './workspace-context.ts'

/** A workspace with hundreds of capped campaigns asks about these; the others refuse as late as ever. */
const rulesMax = 64
/** The feature vector counts the contacts of 7 days: a list reaches as far back as that at least. */
const sendsKeptLeastMs = 8 * 86_400_000

/**
 * The contact history of customers who may be decided about. Whom the caps refuse whatever is proposed gets
 * the sends that the cache keeps, and costs the ledger nothing; all others are read from the ledger. The
 * guardrail then judges by what it is given, and records its reason, as without a cache.
 *
 * Right because a list only ever lacks slots (queued messages, what was not noted in time): over a cap by
 * fewer slots is over it by all of them. What it has too many (a slot given back while nobody listened)
 * ends with the list, within the hour.
 */
export async function loadContactsEarly(
  db: WorkspaceDb,
  context: WorkspaceContext,
  customers: ReadonlyMap<string, Customer>,
  customerIds: readonly string[],
  now: number,
  capCache: CapCache | undefined,
): Promise<Map<string, ContactSlot[]>> {
  const read = (ids: readonly string[]) => loadSlots(db, context, ids, now)
  const caps = capsOf(context)
  if (capCache === undefined || caps.length === 0 || customerIds.length === 0) return await read(customerIds)

  const rulesIn = createRules(caps, now)
  const zoneOf = (id: string) => {
    const customer = customers.get(id)
    const { zone } = context.settings
    return customer === undefined ? zone : customerZone(customer.profile, zone)
  }
  const questions = customerIds.map((customerId) => ({ customerId, rules: rulesIn(zoneOf(customerId)) }))
  const answers = await capCache.check(db.workspace, questions)

  const refused = new Map<string, ContactSlot[]>()
  const unknown: string[] = []
  for (const [index, customerId] of customerIds.entries()) {
    const answer = answers[index] as CapAnswer
    if (answer.kind === 'unknown') unknown.push(customerId)
    if (answer.kind === 'full' && refusesAll(context, caps, answer.rules))
      refused.set(customerId, slotsOf(context, answer))
  }
  const toRead = customerIds.filter((id) => !refused.has(id))
  if (toRead.length === 0) return refused
  const since = Math.min(
    now - sendsKeptLeastMs,
    ...questions.flatMap(({ rules }) => rules.map((rule) => rule.since)),
  )
  const contacts =
    unknown.length === 0
      ? await read(toRead)
      : await capCache.rebuild(db.workspace, unknown, since, () => read(toRead))
  return new Map([...contacts, ...refused])
}

interface OwnedCap {
  cap: FrequencyCap
  /** Whose sends count; '' all. */
  campaignId: string
}

/** The workspace's caps, then those of the campaigns that decide. */
function capsOf(context: WorkspaceContext): OwnedCap[] {
  const caps = context.guardrails.frequencyCaps.filter(isOwn).map((cap) => ({ cap, campaignId: '' }))
  for (const { campaignId, frequencyCaps } of decidingSpecs(context))
    caps.push(...frequencyCaps.filter(isOwn).map((cap) => ({ cap, campaignId })))
  return caps.slice(0, rulesMax)
}

/** What a cache keeps of one customer says nothing of an account. */
function isOwn({ per }: FrequencyCap): boolean {
  return per === undefined
}

function decidingSpecs(context: WorkspaceContext) {
  const live = [...context.campaigns.values()].filter((campaign) => campaign.live)
  const specs = live.map(({ version }) => version.spec)
  return specs.filter(({ trigger }) => !('imported' in trigger || 'placement' in trigger))
}

/** The caps as rules by zone: customers of one zone share the array. */
function createRules(caps: OwnedCap[], now: number): (zone: string) => CapRule[] {
  const byZone = new Map<string, CapRule[]>()
  return (zone) => {
    const known = byZone.get(zone)
    if (known !== undefined) return known
    const rules = caps.map(
      ({ cap, campaignId }): CapRule => ({
        sendsMax: cap.sendsMax,
        since: capWindowStart(cap, now, zone),
        ...(cap.channel === undefined ? {} : { channel: cap.channel }),
        ...(campaignId === '' ? {} : { campaignId }),
      }),
    )
    byZone.set(zone, rules)
    return rules
  }
}

/** Whether every treatment of every campaign that may decide has a cap without a slot. */
function refusesAll(context: WorkspaceContext, caps: OwnedCap[], full: readonly number[]): boolean {
  const binding = full.map((index) => caps[index] as OwnedCap)
  const refuses = (campaignId: string, channel: ChannelName) =>
    binding.some(
      (own) =>
        (own.campaignId === '' || own.campaignId === campaignId) && (own.cap.channel ?? channel) === channel,
    )
  return decidingSpecs(context).every(({ campaignId, treatments }) =>
    treatments.every(({ channel }) => refuses(campaignId, channel)),
  )
}

function slotsOf(context: WorkspaceContext, answer: Extract<CapAnswer, { kind: 'full' }>): ContactSlot[] {
  const campaignIds = new Map([...context.campaigns.keys()].map((id) => [capCampaignKey(id), id]))
  return answer.sends().map(({ at, channel, campaignKey }) => ({
    messageId: '',
    channel,
    // A campaign that is no more has no caps of its own.
    campaignId: campaignIds.get(campaignKey) ?? '',
    state: 'sent',
    at,
    transactional: false,
  }))
}
