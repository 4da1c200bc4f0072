import type { CampaignSpec, ChannelName } from '#contracts/campaign.ts'
import { allow, type Verdict } from '#contracts/guardrail.ts'
import { type ConsentScope, consentScope, noTopic } from '#contracts/profile.ts'
import type { SharedGuardrail } from './run/evaluate.ts'

/**
 * A customer who said no is not asked again. A no to a channel is one to all its topics; what is said of a
 * topic comes before what is required of the channel; and where a yes is required, silence is a no.
 */
export const guardrail: SharedGuardrail = {
  name: 'consent',
  sharedBy: 'campaign-and-channel',
  check({ transactional, customer, settings, campaign: { spec }, candidate: { channel } }) {
    if (transactional) return allow
    const ofChannel = customer.consents[channel]
    if (ofChannel === 'denied') return { kind: 'suppress', reason: 'consent_denied', inputs: { channel } }
    const scope = spec.topic === undefined ? scopesWithoutTopic[channel] : consentScope(channel, spec.topic)
    const ofTopic = customer.consents[scope]
    if (ofTopic === 'granted') return allow
    if (ofTopic === 'denied') return no('topic_denied', channel, spec)
    if (ofTopic === 'pending') return no('topic_pending', channel, spec)
    if (spec.topic !== undefined && settings.topicKinds?.get(spec.topic) !== 'opt-out')
      return no('topic_missing', channel, spec)
    if (ofChannel === 'granted' || !settings.consentRequired.includes(channel)) return allow
    return { kind: 'suppress', reason: 'consent_missing', inputs: { channel } }
  },
}

function no(reason: string, channel: ChannelName, { topic = noTopic }: Pick<CampaignSpec, 'topic'>): Verdict {
  return { kind: 'suppress', reason, inputs: { channel, topic } }
}

/** Of most campaigns, which have no topic: put together once, and not for every decision. */
const scopesWithoutTopic: Record<ChannelName, ConsentScope> = {
  email: consentScope('email', noTopic),
  sms: consentScope('sms', noTopic),
  push: consentScope('push', noTopic),
  'in-app': consentScope('in-app', noTopic),
  webhook: consentScope('webhook', noTopic),
}
