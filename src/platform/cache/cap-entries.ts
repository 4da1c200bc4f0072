import type { ChannelName } from '#contracts/campaign.ts'
import type { CapRule, KeptSend, NewSend } from '#contracts/cap-cache.ts'
import type { ContactSlot } from '#contracts/guardrail.ts'
import { stableId } from '../ids/ids.ts'

/** A kept send with what is needed to take it back. */
export interface CapEntry extends KeptSend {
  messageKey: string
}

/** Most sends kept of one customer, the newest: a cap of more than that is never full here. */
export const entriesMax = 512

/**
 * An entry as text: 13 digits of milliseconds, the channel's letter, 12 hex digits for the campaign, 8 for
 * the message. All of one width, so that the n-th newest send is found without reading the others.
 */
export const entryWidth = 34
const atWidth = 13
const campaignAt = atWidth + 1
const messageAt = campaignAt + 12

const letters: Record<ChannelName, string> = { email: 'e', sms: 's', push: 'p', 'in-app': 'i', webhook: 'w' }
const channels = new Map(Object.entries(letters).map(([name, letter]) => [letter, name as ChannelName]))

export function entryOf(send: Omit<NewSend, 'customerId'>): CapEntry {
  return {
    at: send.at,
    channel: send.channel,
    campaignKey: capCampaignKey(send.campaignId),
    messageKey: messageKeyOf(send.messageId),
  }
}

/** The marketing sends of a customer at `since` or later, newest first. */
export function entriesOf(slots: readonly ContactSlot[], since: number): CapEntry[] {
  const taken = slots.filter(
    ({ state, transactional, at }) => state !== 'queued' && !transactional && at >= since,
  )
  return taken
    .sort((a, b) => b.at - a.at)
    .slice(0, entriesMax)
    .map(entryOf)
}

/** The message within its customer's sends: 32 bits of its id, of which the first digits are the day. */
export function messageKeyOf(messageId: string): string {
  return messageId.length >= 8 && /^[0-9a-f]{8}$/.test(messageId.slice(-8))
    ? messageId.slice(-8)
    : stableId('message', messageId).slice(0, 8)
}

const campaignKeys = new Map<string, string>()
const campaignKeysMax = 10_000

/** A campaign within its workspace: 48 bits of a hash, as ids are of any length. */
export function capCampaignKey(campaignId: string): string {
  const known = campaignKeys.get(campaignId)
  if (known !== undefined) return known
  const key = stableId('campaign', campaignId).slice(0, 12)
  if (campaignKeys.size >= campaignKeysMax) campaignKeys.clear()
  campaignKeys.set(campaignId, key)
  return key
}

export function encodeEntries(entries: readonly CapEntry[]): string {
  let text = ''
  for (const { at, channel, campaignKey, messageKey } of entries) {
    text += instantText(at) + letters[channel] + campaignKey + messageKey
  }
  return text
}

/** Reads entries back, from `start` on. */
export function decodeEntries(text: string, start: number): CapEntry[] {
  const entries: CapEntry[] = []
  for (let from = start; from + entryWidth <= text.length; from += entryWidth) {
    const channel = channels.get(text[from + atWidth] as string)
    if (channel === undefined) continue
    entries.push({
      at: Number(text.slice(from, from + atWidth)),
      channel,
      campaignKey: text.slice(from + campaignAt, from + messageAt),
      messageKey: text.slice(from + messageAt, from + entryWidth),
    })
  }
  return entries
}

/** An instant as 13 digits, which compare as the numbers do; before 1970 is 1970. */
export function instantText(at: number): string {
  return String(Math.max(0, at)).padStart(atWidth, '0')
}

/** Which entries a rule counts: the channel's letter or '-', and the campaign's key or nothing; '' all. */
export function scopeText({ channel, campaignId }: CapRule): string {
  if (channel === undefined && campaignId === undefined) return ''
  return (
    (channel === undefined ? '-' : letters[channel]) +
    (campaignId === undefined ? '' : capCampaignKey(campaignId))
  )
}
