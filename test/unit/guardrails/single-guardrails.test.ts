import { describe, expect, test } from 'vitest'
import type { Guardrail, Verdict } from '#contracts/guardrail.ts'
import type { Unavailable } from '#contracts/item.ts'
import { guardrail as budget } from '../../../src/guardrails/budget.ts'
import { guardrail as campaignChanged } from '../../../src/guardrails/campaign-changed.ts'
import { guardrail as campaignState } from '../../../src/guardrails/campaign-state.ts'
import { guardrail as consent } from '../../../src/guardrails/consent.ts'
import { guardrail as goalMet } from '../../../src/guardrails/goal-met.ts'
import { guardrail as holdout } from '../../../src/guardrails/holdout.ts'
import { guardrail as inStock } from '../../../src/guardrails/in-stock.ts'
import { guardrail as journey } from '../../../src/guardrails/journey.ts'
import { guardrail as killSwitch } from '../../../src/guardrails/kill-switch.ts'
import { guardrail as offerValid } from '../../../src/guardrails/offer-valid.ts'
import { guardrail as sendAddress } from '../../../src/guardrails/send-address.ts'
import { guardrail as suppression } from '../../../src/guardrails/suppression.ts'
import { guardrail as warmUp } from '../../../src/guardrails/warm-up.ts'
import { type FactsPatch, factsWith, now } from './facts.ts'

const reasonOf = (verdict: Verdict): string =>
  verdict.kind === 'allow' ? 'allow' : `${verdict.kind} ${verdict.reason}`

const warmedUpBy = (sentToday: number) => ({
  senderDomain: 'shop.example',
  recipientDomain: 'gmail.com',
  sentToday,
  sendsMax: 100,
  nextDayAt: now + 3_600_000,
})

const offer = { id: 'coffee', name: 'Coffee', value: 10, available: true, facts: {} }
const dated = { ...offer, validFrom: '2026-03-11T12:00:00Z', validUntil: '2026-03-12T12:00:00Z' }
const shoe = { ...offer, item: { id: 'shoe-42' } }
const outOf = (reason: Unavailable) => new Map([['id:shoe-42', { item: 'shoe-42', reason }]])
const claim = { stage: 'claim', messageId: 'own' } as const

const optOut = { topicKinds: new Map([['news', 'opt-out' as const]]) }
const optIn = { topicKinds: new Map([['news', 'opt-in' as const]]) }

const cases: [Guardrail, FactsPatch, string][] = [
  [consent, {}, 'allow'],
  [consent, { customer: { consents: { email: 'denied' } } }, 'suppress consent_denied'],
  [consent, { customer: { consents: { sms: 'denied' } } }, 'allow'],
  [consent, { settings: { consentRequired: ['email'] } }, 'suppress consent_missing'],
  [consent, { settings: { consentRequired: ['sms'] } }, 'allow'],
  [
    consent,
    { settings: { consentRequired: ['email'] }, customer: { consents: { email: 'granted' } } },
    'allow',
  ],
  [consent, { spec: { topic: 'news' } }, 'suppress topic_missing'],
  [consent, { spec: { topic: 'news' }, settings: optOut }, 'allow'],
  [consent, { spec: { topic: 'news' }, settings: optIn }, 'suppress topic_missing'],
  [
    consent,
    { spec: { topic: 'news' }, settings: { ...optOut, consentRequired: ['email'] } },
    'suppress consent_missing',
  ],
  ...(
    [
      ['email/news', 'granted', 'allow'],
      ['email/news', 'pending', 'suppress topic_pending'],
      ['email/news', 'denied', 'suppress topic_denied'],
      ['sms/news', 'granted', 'suppress topic_missing'],
      ['email/*', 'granted', 'suppress topic_missing'],
      ['email', 'granted', 'suppress topic_missing'],
    ] as const
  ).map(([scope, state, expected]): [Guardrail, FactsPatch, string] => [
    consent,
    { spec: { topic: 'news' }, settings: optIn, customer: { consents: { [scope]: state } } },
    expected,
  ]),
  [
    consent,
    { spec: { topic: 'news' }, customer: { consents: { email: 'denied', 'email/news': 'granted' } } },
    'suppress consent_denied',
  ],
  [
    consent,
    {
      spec: { topic: 'news' },
      settings: { consentRequired: ['email'] },
      customer: { consents: { 'email/news': 'granted' } },
    },
    'allow',
  ],
  [consent, { customer: { consents: { 'email/*': 'denied' } } }, 'suppress topic_denied'],
  [consent, { customer: { consents: { 'email/news': 'denied' } } }, 'allow'],
  [
    consent,
    { settings: { consentRequired: ['email'] }, customer: { consents: { 'email/*': 'granted' } } },
    'allow',
  ],
  [suppression, { customer: { suppressions: { email: 'bounce' } } }, 'suppress address_suppressed'],
  [suppression, { customer: { suppressions: { sms: 'bounce' } } }, 'allow'],
  [sendAddress, { candidate: { address: null } }, 'suppress no_address'],
  [sendAddress, { candidate: { address: '' } }, 'suppress no_address'],
  [sendAddress, {}, 'allow'],
  [budget, { campaign: { spentMicros: 9_000_000 }, spec: { budgetMicros: 9_001_000 } }, 'allow'],
  [
    budget,
    { campaign: { spentMicros: 9_000_001 }, spec: { budgetMicros: 9_001_000 } },
    'suppress budget_spent',
  ],
  [budget, { campaign: { spentMicros: 1e15 } }, 'allow'],
  [budget, { spec: { budgetMicros: 0 } }, 'suppress budget_spent'],
  [holdout, { campaign: { heldOut: true } }, 'suppress held_out'],
  [holdout, { customer: { globalHoldout: true } }, 'suppress held_out'],
  [campaignState, {}, 'allow'],
  [campaignState, { campaign: { state: 'paused' } }, 'suppress campaign_paused'],
  [campaignState, { campaign: { state: 'paused' }, ...claim }, 'defer campaign_paused'],
  [campaignState, { campaign: { state: 'ended' }, ...claim }, 'suppress campaign_ended'],
  [campaignState, { campaign: { state: 'draft' }, ...claim }, 'suppress campaign_not_live'],
  [campaignState, { campaign: { state: 'in-review' } }, 'suppress campaign_not_live'],
  [campaignState, { campaign: { state: 'approved' } }, 'suppress campaign_not_live'],
  [campaignChanged, { campaign: { changed: true }, ...claim }, 'suppress campaign_changed'],
  [campaignChanged, { campaign: { changed: false }, ...claim }, 'allow'],
  [journey, { campaign: { journeyLeft: 'exit_event' }, ...claim }, 'suppress journey_left'],
  [journey, { campaign: { journeyLeft: '' }, ...claim }, 'allow'],
  [inStock, { candidate: { offer: shoe }, stock: outOf('sold_out') }, 'suppress sold_out'],
  [inStock, { candidate: { offer: shoe }, stock: outOf('item_unknown'), ...claim }, 'suppress item_unknown'],
  [inStock, { candidate: { offer: shoe }, stock: new Map() }, 'allow'],
  [inStock, { candidate: { offer: shoe } }, 'allow'],
  [inStock, { shortOf: 'items.cart', ...claim }, 'suppress too_few_items'],
  [inStock, { stock: outOf('sold_out') }, 'allow'],
  [inStock, { candidate: { offer: shoe }, stock: outOf('sold_out'), transactional: true }, 'allow'],
  [warmUp, { candidate: { warmUp: warmedUpBy(99) }, ...claim }, 'allow'],
  [warmUp, { candidate: { warmUp: warmedUpBy(100) }, ...claim }, 'defer warm_up_day_full'],
  [goalMet, { campaign: { goalMet: true }, ...claim }, 'suppress goal_met'],
  [offerValid, { candidate: { offer: { ...offer, available: false } } }, 'suppress offer_unavailable'],
  [offerValid, { candidate: { offer: dated }, now: now - 1 }, 'suppress offer_not_yet_valid'],
  [offerValid, { candidate: { offer: dated } }, 'allow'],
  [offerValid, { candidate: { offer: dated }, now: now + 86_400_000 - 1 }, 'allow'],
  [offerValid, { candidate: { offer: dated }, now: now + 86_400_000 }, 'suppress offer_expired'],
]

test.each(cases)('$name with %j: %s', (guardrail, patch, expected) => {
  expect(reasonOf(guardrail.check(factsWith(patch)))).toBe(expected)
})

test('the kill switch stops everything', () => {
  const { workspace, ...facts } = factsWith()
  expect(reasonOf(killSwitch.check({ ...facts, workspace: { ...workspace, killSwitch: true } }))).toBe(
    'suppress kill_switch',
  )
  expect(reasonOf(killSwitch.check({ ...facts, workspace }))).toBe('allow')
})

test('a paused campaign’s message asks again in five minutes', () => {
  expect(campaignState.check(factsWith({ campaign: { state: 'paused' }, ...claim }))).toMatchObject({
    untilMs: now + 300_000,
  })
})

describe('the record tells', () => {
  test('what was held out of what', () => {
    expect(holdout.check(factsWith({ campaign: { heldOut: true } }))).toMatchObject({
      inputs: { scope: 'campaign' },
    })
    expect(holdout.check(factsWith({ customer: { globalHoldout: true } }))).toMatchObject({
      inputs: { scope: 'workspace' },
    })
  })

  test('how the budget stood', () => {
    const verdict = budget.check(factsWith({ campaign: { spentMicros: 500 }, spec: { budgetMicros: 600 } }))
    expect(verdict).toMatchObject({ inputs: { spentMicros: 500, costMicros: 1000, budgetMicros: 600 } })
  })
})
