import type { ChannelName, SubscriptionGroup } from '#contracts/campaign.ts'
import { type Consents, consentScope, noTopic } from '#contracts/profile.ts'
import type { ConsentChoice } from './consent-rows.ts'

/** Whether the customer gets a topic in a channel, `noTopic` for what has none. */
export function isSubscribed(
  known: Consents,
  channel: ChannelName,
  topic: { topic: string; kind: SubscriptionGroup['kind'] },
): boolean {
  if (known[channel] === 'denied') return false
  const state = known[consentScope(channel, topic.topic)]
  return state === undefined ? topic.kind === 'opt-out' : state === 'granted'
}

/**
 * What is to be noted for what a customer chose. A yes to one topic, where the whole channel had been refused,
 * takes back that refusal and says no to everything else there: nobody gets more than they asked for.
 */
export function withRefusalsKept(
  known: Consents,
  groups: readonly SubscriptionGroup[],
  chosen: readonly ConsentChoice[],
): ConsentChoice[] {
  const all = [...chosen]
  const says = (channel: ChannelName, topic?: string) =>
    all.some((choice) => choice.channel === channel && choice.topic === topic)
  const reopened = new Set(
    chosen
      .filter(({ topic, state, channel }) => topic !== undefined && state === 'granted' && !says(channel))
      .map(({ channel }) => channel)
      .filter((channel) => known[channel] === 'denied'),
  )
  for (const channel of reopened) {
    all.push({ channel, state: 'granted' })
    for (const topic of topicsIn(groups, channel)) {
      if (!says(channel, topic)) all.push({ channel, topic, state: 'denied' })
    }
  }
  return all
}

/** Every topic that a channel has, and what has none. */
export function topicsIn(groups: readonly SubscriptionGroup[], channel: ChannelName): string[] {
  return [...groups.filter((group) => group.channels.includes(channel)).map(({ id }) => id), noTopic]
}
