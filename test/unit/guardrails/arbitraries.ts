import fc from 'fast-check'
import type { ChannelName, FrequencyCap, LeastGap, Priority } from '#contracts/campaign.ts'
import type { GuardrailFacts } from '#contracts/guardrail.ts'
import { factsWith, hourMs, now, slotAt } from './facts.ts'

const channel = fc.constantFrom<ChannelName>('email', 'sms')
const cap: fc.Arbitrary<FrequencyCap> = fc.record({
  sendsMax: fc.integer({ min: 1, max: 2 }),
  window: fc.oneof(
    fc.record({ hours: fc.constantFrom(1, 24) }),
    fc.record({ localDays: fc.integer({ min: 1, max: 2 }) }),
  ),
})
const quietHours = fc.record({
  from: fc.constantFrom('21:00', '11:00'),
  until: fc.constantFrom('08:00', '13:30'),
})
const leastGap: fc.Arbitrary<LeastGap> = fc.record(
  { minutes: fc.constantFrom(30, 240), channel },
  { requiredKeys: ['minutes'] },
)
const priority = fc.constantFrom<(Priority | undefined)[]>('low', 'high', undefined)
const consent = fc.constantFrom('granted' as const, 'denied' as const, undefined)
const topicConsents = fc.dictionary(
  fc.constantFrom('email/news', 'email/drops', 'email/*', 'sms/news'),
  fc.constantFrom('granted' as const, 'pending' as const, 'denied' as const),
  { maxKeys: 2, noNullPrototype: true },
)
const topicKinds = new Map([
  ['news', 'opt-out' as const],
  ['drops', 'opt-in' as const],
])

/** Facts of any sort: each guardrail objects to some of them. */
export const anyFacts: fc.Arbitrary<GuardrailFacts> = fc
  .record({
    stage: fc.constantFrom('decision' as const, 'claim' as const),
    transactional: fc.boolean(),
    killSwitch: fc.boolean(),
    caps: fc.array(cap, { maxLength: 2 }),
    ownCaps: fc.array(cap, { maxLength: 2 }),
    gaps: fc.option(fc.array(leastGap, { maxLength: 2 }), { nil: undefined }),
    priority,
    priorityOfOthers: priority,
    quiet: fc.option(quietHours, { nil: undefined }),
    required: fc.constantFrom<ChannelName[]>([], ['email']),
    email: consent,
    topics: topicConsents,
    topic: fc.constantFrom(undefined, undefined, 'news', 'drops'),
    suppressed: fc.boolean(),
    zone: fc.constantFrom('UTC', 'Asia/Kolkata', 'America/New_York'),
    contactAges: fc.array(fc.integer({ min: -10, max: 50 }), { maxLength: 4 }),
    globalHoldout: fc.boolean(),
    heldOut: fc.boolean(),
    goalMet: fc.boolean(),
    changed: fc.boolean(),
    journeyLeft: fc.constantFrom('', 'exit_event'),
    stock: fc.constantFrom(undefined, null, 'sold_out' as const),
    item: fc.constantFrom(undefined, { id: 'shoe-42' }),
    sentToday: fc.integer({ min: 0, max: 200 }),
    state: fc.constantFrom('live' as const, 'live' as const, 'paused' as const, 'ended' as const),
    budgetMicros: fc.constantFrom(undefined, 0, 1_000_000),
    channel,
    address: fc.constantFrom('ada@example.com', null),
    available: fc.boolean(),
  })
  .map((f) => {
    const facts = factsWith({
      stage: f.stage,
      transactional: f.transactional,
      messageId: f.stage === 'claim' ? 'own' : '',
      settings: {
        frequencyCaps: f.caps,
        consentRequired: f.required,
        ...(f.gaps === undefined ? {} : { leastGaps: f.gaps }),
        topicKinds,
        ...(f.quiet === undefined ? {} : { quietHours: f.quiet }),
      },
      customer: {
        zone: f.zone,
        consents: { ...f.topics, ...(f.email === undefined ? {} : { email: f.email }) },
        suppressions: f.suppressed ? { email: 'complaint' } : {},
        contacts: f.contactAges.map((hours) =>
          slotAt(now - hours * hourMs, hours < 0 ? { state: 'queued', campaignId: 'winter' } : {}),
        ),
        priorities: f.priorityOfOthers === undefined ? {} : { winter: f.priorityOfOthers },
        globalHoldout: f.globalHoldout,
      },
      campaign: {
        heldOut: f.heldOut,
        state: f.state,
        // Known at the claim only.
        ...(f.stage === 'claim'
          ? { goalMet: f.goalMet, changed: f.changed, journeyLeft: f.journeyLeft }
          : { goalMet: false }),
      },
      spec: {
        frequencyCaps: f.ownCaps,
        ...(f.priority === undefined ? {} : { priority: f.priority }),
        ...(f.topic === undefined ? {} : { topic: f.topic }),
        ...(f.budgetMicros === undefined ? {} : { budgetMicros: f.budgetMicros }),
      },
      candidate: {
        channel: f.channel,
        address: f.address,
        ...(f.stage === 'claim' && f.sentToday > 0 ? { warmUp: warmUpWith(f.sentToday, now) } : {}),
      },
    })
    facts.workspace.killSwitch = f.killSwitch
    facts.candidate.offer = {
      ...facts.candidate.offer,
      available: f.available,
      ...(f.item === undefined ? {} : { item: f.item }),
    }
    if (f.stock !== undefined)
      facts.stock = new Map(f.stock === null ? [] : [['id:shoe-42', { item: 'shoe-42', reason: f.stock }]])
    return facts
  })

function warmUpWith(sentToday: number, now: number) {
  const nextDayAt = (Math.floor(now / 86_400_000) + 1) * 86_400_000
  return { senderDomain: 'shop.example', recipientDomain: 'gmail.com', sentToday, sendsMax: 100, nextDayAt }
}
