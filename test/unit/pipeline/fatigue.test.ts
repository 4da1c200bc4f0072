import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Fatigue, fatigueSchema } from '#contracts/campaign.ts'
import type { ContactSlot } from '#contracts/guardrail.ts'
import { createGuardrailRunner } from '../../../src/guardrails/run/evaluate.ts'
import { loadGuardrails } from '../../../src/guardrails/run/load-guardrails.ts'
import { fatigueOf, fatigueReachMs, tiredCandidates } from '../../../src/pipeline/fatigue.ts'
import { candidatesOf, makeCampaign, makeSpec, makeTreatment } from '../decision/support.ts'
import { anyFacts } from '../guardrails/arbitraries.ts'

const dayMs = 86_400_000
const now = Date.UTC(2026, 2, 11, 12)
const settings: Fatigue = { perSend: 0.02, halfLifeDays: 15, max: 1, otherChannels: 0.5 }

const contact = (daysAgo: number, over: Partial<ContactSlot> = {}): ContactSlot => ({
  messageId: `m-${daysAgo}`,
  channel: 'email',
  campaignId: 'any',
  state: 'sent',
  at: now - daysAgo * dayMs,
  transactional: false,
  ...over,
})
const ofMail = (contacts: ContactSlot[], over: Partial<Fatigue> = {}) =>
  fatigueOf({ ...settings, ...over }, contacts, 'email', now)

const anyFatigue: fc.Arbitrary<Fatigue> = fc.record({
  perSend: fc.double({ min: 0, max: 1, noNaN: true }),
  halfLifeDays: fc.double({ min: 0.01, max: 90, noNaN: true }),
  max: fc.double({ min: 0, max: 1, noNaN: true }),
  otherChannels: fc.double({ min: 0, max: 1, noNaN: true }),
})
const anyContact: fc.Arbitrary<ContactSlot> = fc
  .record({
    daysAgo: fc.double({ min: -2, max: 400, noNaN: true }),
    channel: fc.constantFrom('email' as const, 'sms' as const, 'in-app' as const),
    state: fc.constantFrom('queued' as const, 'sending' as const, 'sent' as const, 'unknown' as const),
    transactional: fc.boolean(),
  })
  .map(({ daysAgo, ...over }) => contact(daysAgo, over))
const anyContacts = fc.array(anyContact, { maxLength: 12 })

test.each([
  ['just now', [contact(0)], 0.02],
  ['a half-life ago', [contact(15)], 0.01],
  ['two of them', [contact(15), contact(30)], 0.015],
  ['in another channel', [contact(0, { channel: 'sms' })], 0.01],
  ['queued for tomorrow, it counts as now', [contact(-1, { state: 'queued' })], 0.02],
  ['perhaps sent', [contact(0, { state: 'unknown' })], 0.02],
  ['transactional', [contact(0, { transactional: true })], 0],
  ['given to a placement and not seen', [contact(0, { state: 'queued', givenUntil: now + dayMs })], 0],
  ['ten half-lives ago', [contact(150)], 0.02 / 1024],
  ['longer ago', [contact(150.001)], 0],
])('a contact %s', (_, contacts, taken) => expect(ofMail(contacts)).toBeCloseTo(taken, 12))

test('no more than the most that it may be', () => {
  expect(ofMail(Array<ContactSlot>(9).fill(contact(0)), { max: 0.05 })).toBe(0.05)
})

test('what is left out of the file', () => {
  expect(fatigueSchema.parse({ perSend: 0.017 })).toEqual({
    perSend: 0.017,
    halfLifeDays: 15,
    max: 1,
    otherChannels: 0.5,
  })
  expect(fatigueSchema.safeParse({}).success).toBe(false)
  expect(fatigueReachMs(undefined)).toBe(0)
  expect(fatigueReachMs(settings)).toBe(150 * dayMs)
  expect(fatigueReachMs({ ...settings, halfLifeDays: 90 })).toBe(366 * dayMs)
})

test('another contact never makes less of it, time never more, and the order has no say', () => {
  fc.assert(
    fc.property(anyFatigue, anyContacts, anyContact, fc.nat(50), (fatigue, contacts, another, days) => {
      const taken = fatigueOf(fatigue, contacts, 'email', now)
      expect(taken).toBeGreaterThanOrEqual(0)
      expect(taken).toBeLessThanOrEqual(fatigue.max)
      expect(fatigueOf(fatigue, [...contacts, another], 'email', now)).toBeGreaterThanOrEqual(taken)
      const done = contacts.map((own) => ({ ...own, state: 'sent' as const, at: Math.min(own.at, now) }))
      const later = fatigueOf(fatigue, done, 'email', now + days * dayMs)
      expect(later).toBeLessThanOrEqual(fatigueOf(fatigue, done, 'email', now))
      expect(fatigueOf(fatigue, contacts.toReversed(), 'email', now)).toBe(taken)
    }),
    { numRuns: 300 },
  )
})

const spec = makeSpec('a', [makeTreatment(), makeTreatment({ channel: 'sms' })])
const own = makeSpec('b', [makeTreatment()])

test('without the setting, or without contacts, the candidates are those that all decisions share', () => {
  const campaigns = [makeCampaign(spec)]
  const candidates = candidatesOf(campaigns)
  const sources = { fatigue: undefined, contacts: [contact(0)], now }
  expect(tiredCandidates(candidates, campaigns, sources)).toBe(candidates)
  expect(tiredCandidates(candidates, campaigns, { ...sources, fatigue: settings, contacts: [] })).toBe(
    candidates,
  )
  const rested = tiredCandidates(candidates, campaigns, { ...sources, fatigue: { ...settings, perSend: 0 } })
  expect(rested.every((candidate, i) => candidate === candidates[i])).toBe(true)
})

test("each channel has its own, and a campaign's own setting stands in the workspace's place", () => {
  const fatigue = { ...settings, perSend: 0.1 }
  const campaigns = [makeCampaign(spec), makeCampaign({ ...own, fatigue })]
  const candidates = candidatesOf(campaigns)
  const taken = (of: Fatigue | undefined) =>
    tiredCandidates(candidates, campaigns, { fatigue: of, contacts: [contact(0)], now }).map((c) => c.fatigue)
  expect(taken(settings)).toEqual([0.02, 0.01, 0.1])
  expect(taken(undefined)).toEqual([0, 0, 0.1])
})

test('guardrails say the same, whatever the fatigue', async () => {
  const runner = createGuardrailRunner(await loadGuardrails())
  const campaigns = [makeCampaign(spec)]
  fc.assert(
    fc.property(anyFacts, anyFatigue, (facts, fatigue) => {
      const tired = {
        ...facts,
        settings: { ...facts.settings, fatigue },
        campaign: { ...facts.campaign, spec: { ...facts.campaign.spec, fatigue } },
      }
      const guardrails = runner.evaluate(facts)
      expect(runner.evaluate(tired)).toEqual(guardrails)
      const candidates = candidatesOf(campaigns).map((candidate) => ({ ...candidate, guardrails }))
      const { contacts } = facts.customer
      const after = tiredCandidates(candidates, campaigns, { fatigue, contacts, now: facts.now })
      after.forEach((candidate, i) => {
        expect(candidate.guardrails).toBe(guardrails)
        expect({ ...candidate, fatigue: 0 }).toEqual(candidates[i])
      })
    }),
    { numRuns: 300 },
  )
})
