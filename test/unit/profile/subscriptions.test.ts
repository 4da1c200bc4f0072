import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { SubscriptionGroup } from '#contracts/campaign.ts'
import { type Consents, consentScope, noTopic } from '#contracts/profile.ts'
import type { ConsentChoice } from '../../../src/profile/consent-rows.ts'
import { isSubscribed, topicsIn, withRefusalsKept } from '../../../src/profile/subscriptions.ts'

const groups: SubscriptionGroup[] = [
  { id: 'news', name: 'News', description: '', channels: ['email', 'sms'], kind: 'opt-out' },
  { id: 'drops', name: 'Drops', description: '', channels: ['email'], kind: 'opt-in' },
]
const channels = ['email', 'sms'] as const
const kindOf = (topic: string) => ({ topic, kind: groups.find(({ id }) => id === topic)?.kind ?? 'opt-out' })

function after(known: Consents, choices: readonly ConsentChoice[]): Consents {
  const next = { ...known }
  for (const { channel, topic, state } of choices) next[consentScope(channel, topic)] = state
  return next
}

function subscribedTo(known: Consents): string[] {
  return channels.flatMap((channel) =>
    topicsIn(groups, channel)
      .filter((topic) => isSubscribed(known, channel, kindOf(topic)))
      .map((topic) => consentScope(channel, topic)),
  )
}

const choice = fc.constantFrom(...channels).chain((channel) =>
  fc.record({
    channel: fc.constant(channel),
    topic: fc.constantFrom(...topicsIn(groups, channel)),
    state: fc.constantFrom('granted' as const, 'denied' as const),
  }),
)
const refusal = fc.record({ channel: fc.constantFrom(...channels), state: fc.constant('denied' as const) })

test('whatever was said before, a choice gives what it asks for and nothing else', () => {
  let reopened = 0
  fc.assert(
    fc.property(fc.array(fc.oneof(choice, refusal), { maxLength: 8 }), choice, (history, last) => {
      const known = history.reduce<Consents>((so, own) => after(so, withRefusalsKept(so, groups, [own])), {})
      const before = new Set(subscribedTo(known))
      const now = new Set(subscribedTo(after(known, withRefusalsKept(known, groups, [last]))))
      const scope = consentScope(last.channel, last.topic)
      expect(now.has(scope)).toBe(last.state === 'granted')
      for (const other of now) if (other !== scope) expect([other, before.has(other)]).toEqual([other, true])
      if (known[last.channel] === 'denied' && last.state === 'granted') reopened++
    }),
    { seed: 1, numRuns: 1000 },
  )
  expect(reopened).toBeGreaterThan(20)
})

test('nobody gets an opt-in topic unasked, everybody an opt-out one until they refuse', () => {
  expect(subscribedTo({})).toEqual(['email/news', 'email/*', 'sms/news', 'sms/*'])
  expect(subscribedTo({ email: 'denied', 'email/news': 'granted' })).toEqual(['sms/news', 'sms/*'])
  expect(topicsIn(groups, 'push')).toEqual([noTopic])
})
