import { allow, type Verdict } from '#contracts/guardrail.ts'
import { consentScope, noTopic } from '#contracts/profile.ts'
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
    const topic = spec.topic ?? noTopic
    const no = (reason: string): Verdict => ({ kind: 'suppress', reason, inputs: { channel, topic } })
    const ofTopic = customer.consents[consentScope(channel, topic)]
    if (ofTopic === 'granted') return allow
    if (ofTopic === 'denied') return no('topic_denied')
    if (ofTopic === 'pending') return no('topic_pending')
    if (spec.topic !== undefined && settings.topicKinds?.get(spec.topic) !== 'opt-out')
      return no('topic_missing')
    if (ofChannel === 'granted' || !settings.consentRequired.includes(channel)) return allow
    return { kind: 'suppress', reason: 'consent_missing', inputs: { channel } }
  },
}
