import { describe, expect, it } from 'vitest'
import { decide } from '../../src/decision/decide.ts'
import { featureVector } from '../../src/decision/features.ts'
import { newProfile } from '../../src/profile/profile.ts'
import { makeCampaign, makeInput, makeSpec, makeTreatment } from '../unit/decision/support.ts'
import { type Counts, countOutside } from './harness/count-outside.ts'
import type { StoreRows } from './harness/store-rows.ts'
import type { PlannedEvent } from './harness/traffic-plan.ts'

const at = Date.UTC(2026, 2, 1, 12)
const address = 'user-1@faults.example'
const mail = { to: address, messageId: 'm1', unsubscribeUrl: 'http://127.0.0.1/u', at }
const cart = (step: number): PlannedEvent => ({
  type: 'track',
  messageId: `user-1-${step}`,
  userId: 'user-1',
  event: 'Cart Updated',
})

/** One customer: known, then three carts; the first brought a mail, the others met the cap. */
function world() {
  const acknowledged: PlannedEvent[] = [
    { type: 'identify', messageId: 'user-1-0', userId: 'user-1' },
    ...[1, 2, 3].map(cart),
  ]
  const message = { message_id: 'm1', decision_id: 'd1', customer_id: 'c1', state: 'sent', reason: '' }
  const rows: StoreRows = {
    messages: [message],
    events: acknowledged.map(({ messageId }) => ({ event_id: messageId })),
    decisions: [1, 2, 3].map((step) => decisionRow(step, step)),
    customers: [
      { profile_json: JSON.stringify({ email: address, counts: { 'Cart Updated': { total: 3 } } }) },
    ],
    heldOutMessages: [],
    capRefusals: [],
  }
  return { rows, message, evidence: { acknowledged, optOuts: [], mails: [mail], capMax: 2 } }
}

function decisionRow(step: number, applied: number) {
  return {
    decision_id: `d${step}`,
    customer_id: 'c1',
    trigger_id: `user-1-${step}`,
    decided_at: at,
    outcome: step === 1 ? 'treatment' : 'none-eligible',
    excluded_json: step === 1 ? '{}' : '{"frequency-cap":1}',
    record: recordAfter(applied),
  }
}

/** A decision's record as the engine writes it, made when so many events had been applied. */
function recordAfter(applied: number): Uint8Array {
  const profile = newProfile(at)
  profile.counts['Cart Updated'] = { total: applied, firstAt: at, lastAt: at, valueMicros: 0, days: [] }
  const features = featureVector({ profile, traits: [], contacts: [], now: at, zone: 'UTC' })
  return decide(makeInput([makeCampaign(makeSpec('cart', [makeTreatment()]))], { features })).record
}

const nothingWrong: Partial<Counts> = {
  lost: 0,
  duplicated: 0,
  over_cap: 0,
  after_optout: 0,
  out_of_order: 0,
  to_held_out: 0,
  unrecorded: 0,
}

describe('the count', () => {
  it('finds nothing where everything came once and in order', () => {
    const { rows, evidence } = world()
    const { counts, findings } = countOutside(rows, evidence)
    expect(counts).toMatchObject({ ...nothingWrong, unknown: 0, cap_refusals: 2 })
    expect(findings).toEqual([])
  })

  type World = ReturnType<typeof world>
  const planted: [string, Partial<Counts>, (own: World) => void][] = [
    ['an event without a row', { lost: 1 }, ({ rows }) => rows.events.shift()],
    ['a trigger without a decision', { lost: 1 }, ({ rows }) => rows.decisions.pop()],
    [
      'a message without an end',
      { lost: 1, unrecorded: 1 },
      ({ message }) => Object.assign(message, { state: 'sending' }),
    ],
    ['a decision without its message', { lost: 1, unrecorded: 1 }, ({ rows }) => rows.messages.pop()],
    ['a mail that nobody got', { lost: 1 }, ({ evidence }) => evidence.mails.pop()],
    ['a mail twice', { duplicated: 1 }, ({ evidence }) => evidence.mails.push(mail)],
    ['an event row twice', { duplicated: 1 }, ({ rows }) => rows.events.push(rows.events[1]!)],
    [
      'an event counted twice',
      { duplicated: 1 },
      ({ rows }) => {
        rows.customers[0]!.profile_json = JSON.stringify({
          email: address,
          counts: { 'Cart Updated': { total: 4 } },
        })
      },
    ],
    [
      'a mail to somebody held out',
      { to_held_out: 1 },
      ({ rows }) => rows.heldOutMessages.push({ message_id: 'm1' }),
    ],
    [
      'slots above the cap',
      { over_cap: 1 },
      ({ rows, message }) =>
        rows.messages.push(...['m2', 'm3'].map((id) => ({ ...message, message_id: id, state: 'unknown' }))),
    ],
    [
      'a mail behind the opt-out',
      { after_optout: 1 },
      ({ evidence }) =>
        Object.assign(evidence, {
          optOuts: [{ userId: 'user-1', by: 'link', acknowledgedAt: at - 1, alreadySending: [] }],
        }),
    ],
    [
      'a cart that was applied before an earlier one',
      { out_of_order: 2 },
      ({ rows }) => {
        rows.decisions = [decisionRow(1, 1), decisionRow(2, 3), decisionRow(3, 2)]
      },
    ],
    [
      'a clock that went back between two decisions',
      { out_of_order: 1 },
      ({ rows }) => Object.assign(rows.decisions[2]!, { decided_at: at - 1 }),
    ],
  ]
  it.each(planted)('finds %s', (_, expected, plant) => {
    const own = world()
    plant(own)
    const { counts, findings } = countOutside(own.rows, own.evidence)
    expect(counts).toMatchObject({ ...nothingWrong, ...expected })
    expect(findings.length).toBeGreaterThan(0)
  })

  it('takes the end of a visitor for in order as long as the counts rise', () => {
    const { rows, evidence } = world()
    evidence.acknowledged.unshift({ ...cart(0), messageId: 'user-1-0', anonymousId: 'anon' })
    evidence.acknowledged.splice(1, 1, { type: 'identify', messageId: 'user-1-1', userId: 'user-1' })
    delete evidence.acknowledged[0]!.userId
    rows.decisions = [decisionRow(0, 1), decisionRow(2, 2), decisionRow(3, 4)]
    expect(countOutside(rows, evidence).counts.out_of_order).toBe(0)
    rows.decisions = [decisionRow(0, 1), decisionRow(2, 4), decisionRow(3, 3)]
    expect(countOutside(rows, evidence).counts.out_of_order).toBe(1)
  })
})
