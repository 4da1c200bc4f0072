import { describe, expect, test } from 'vitest'
import type { CampaignSpec, Experiment } from '#contracts/campaign.ts'
import { chiSquareUpperTail } from '#statistics/distributions.ts'
import { sampleRatioCheck } from '#statistics/sample-ratio.ts'
import { assign, isGloballyHeldOut, isOutsideGroup } from '../../../src/campaign/assignment.ts'
import {
  type AssignmentRow,
  insertAssignments,
  loadAssignments,
  mergeAssignments,
} from '../../../src/campaign/assignment-rows.ts'
import { emptyStore, inShop } from './support.ts'

const customers = Array.from({ length: 20_000 }, (_, i) => `customer-${i}`)
/** The samples are fixed: a p this small is a fault, not chance. */
const implausibleP = 0.001

const experiment: Experiment = {
  id: 'split',
  arms: [
    { id: 'none', share: 0.5, control: true },
    { id: 'never', share: 0, control: false, treatment: 'tea/email' },
    { id: 'coffee', share: 0.3, control: false, treatment: 'coffee/email' },
    { id: 'tea', share: 0.2, control: false, treatment: 'tea/email' },
  ],
}

function specOf(campaignId: string, holdout: number, split?: Experiment): CampaignSpec {
  return {
    campaignId,
    name: campaignId,
    goal: { id: 'purchase', event: 'Order Completed', windowHours: 72 },
    alsoMeasure: [],
    trigger: { event: 'Product Viewed' },
    treatments: [],
    policy: split === undefined ? { kind: 'inverse-gap' } : { kind: 'fixed-split', experiment: split },
    holdout,
    frequencyCaps: [],
    expiresAfterMs: 86_400_000,
    features: [],
  }
}

/** χ² of independence of two yes-or-no answers, one degree of freedom. */
function independenceP(pairs: [boolean, boolean][]): number {
  const count = (a: boolean, b: boolean): number => pairs.filter(([x, y]) => x === a && y === b).length
  const [tt, tf, ft, ff] = [count(true, true), count(true, false), count(false, true), count(false, false)]
  const margins = (tt + tf) * (ft + ff) * (tt + ft) * (tf + ff)
  return chiSquareUpperTail((pairs.length * (tt * ff - tf * ft) ** 2) / margins, 1)
}

/** χ² of independence of two answers of any number. */
function crossTableP(pairs: [string, string][]): number {
  const tally = (key: (pair: [string, string]) => string) => {
    const counts = new Map<string, number>()
    for (const pair of pairs) counts.set(key(pair), (counts.get(key(pair)) ?? 0) + 1)
    return counts
  }
  const [rows, columns, cells] = [tally(([a]) => a), tally(([, b]) => b), tally((pair) => pair.join('/'))]
  let statistic = 0
  for (const [a, ofRow] of rows) {
    for (const [b, ofColumn] of columns) {
      const expected = (ofRow * ofColumn) / pairs.length
      statistic += ((cells.get(`${a}/${b}`) ?? 0) - expected) ** 2 / expected
    }
  }
  return chiSquareUpperTail(statistic, (rows.size - 1) * (columns.size - 1))
}

describe('assignment', () => {
  test('is the same every time and elsewhere', () => {
    // By coreutils: sha256sum of shop\0holdout\0spring\0customer-0 begins 86f80fe49e99, .52722 of 2⁴⁸;
    // that of shop\0arm\0split\0customer-0 begins ded47929a2c0, .87043.
    expect(assign(specOf('spring', 0.5272, experiment), 'shop', 'customer-0')).toEqual({
      heldOut: false,
      arm: 'tea',
    })
    expect(assign(specOf('spring', 0.5273), 'shop', 'customer-0')).toEqual({ heldOut: true, arm: '' })
    expect(assign(specOf('spring', 0), 'shop', 'customer-0').heldOut).toBe(false)
    expect(assign(specOf('spring', 1), 'shop', 'customer-0').heldOut).toBe(true)
  })

  test('holds out the share that was asked for', () => {
    const held = customers.filter((id) => assign(specOf('spring', 0.1), 'shop', id).heldOut).length
    const check = sampleRatioCheck({ counts: [held, customers.length - held], weights: [0.1, 0.9] })
    expect(check.p).toBeGreaterThan(implausibleP)
  })

  test('fills the arms by their shares, and an arm of share 0 not at all', () => {
    const spec = specOf('spring', 0.1, experiment)
    const arms = customers.map((id) => assign(spec, 'shop', id).arm)
    const counts = experiment.arms.map(({ id }) => arms.filter((arm) => arm === id).length)
    expect(
      sampleRatioCheck({ counts, weights: experiment.arms.map(({ share }) => share) }).p,
    ).toBeGreaterThan(implausibleP)
    expect(counts[1]).toBe(0)
  })

  test('gives everybody an arm where shares add up to a hair less than 1', () => {
    const third = 1 / 3 - 1e-10
    const arms = ['a', 'b', 'c'].map((id) => ({ id, share: third, control: id === 'a' }))
    for (const id of customers.slice(0, 1000))
      expect(assign(specOf('x', 0, { id: 'e', arms }), 'shop', id).arm).not.toBe('')
  })

  test.each([
    ['of two campaigns', specOf('spring', 0.3), specOf('autumn', 0.3), 'shop'],
    ['of two workspaces', specOf('spring', 0.3), specOf('spring', 0.3), 'other'],
  ])('holdouts %s are independent', (_, one, two, workspace) => {
    const pairs = customers.map((id): [boolean, boolean] => [
      assign(one, 'shop', id).heldOut,
      assign(two, workspace, id).heldOut,
    ])
    expect(independenceP(pairs)).toBeGreaterThan(implausibleP)
  })

  test('holdout, arm and the global holdout are independent of each other', () => {
    const all = customers.map((id) => ({
      ...assign(specOf('spring', 0.3, experiment), 'shop', id),
      global: isGloballyHeldOut('shop', id, 0.2),
    }))
    expect(independenceP(all.map(({ heldOut, arm }) => [heldOut, arm === 'none']))).toBeGreaterThan(
      implausibleP,
    )
    expect(independenceP(all.map(({ heldOut, global }) => [heldOut, global]))).toBeGreaterThan(implausibleP)
    const globally = all.filter(({ global }) => global).length
    expect(
      sampleRatioCheck({ counts: [globally, all.length - globally], weights: [0.2, 0.8] }).p,
    ).toBeGreaterThan(implausibleP)
  })

  test('arms of two experiments are independent, and of the slots of a group: χ² on 100,000 customers', () => {
    const hundredThousand = Array.from({ length: 100_000 }, (_, i) => `customer-${i}`)
    const [one, two] = ['first', 'second'].map((id) => ({ ...experiment, id }))
    const group = { id: 'checkout', from: 20, until: 60 }
    const all = hundredThousand.map((id) => ({
      one: assign(specOf('a', 0, one), 'shop', id).arm,
      two: assign(specOf('b', 0, two), 'shop', id).arm,
      inside: String(!isOutsideGroup({ ...one!, group }, 'shop', id)),
      other: String(!isOutsideGroup({ ...two!, group: { ...group, id: 'basket' } }, 'shop', id)),
    }))
    expect(crossTableP(all.map((each) => [each.one, each.two]))).toBeGreaterThan(implausibleP)
    expect(crossTableP(all.map((each) => [each.inside, each.one]))).toBeGreaterThan(implausibleP)
    expect(crossTableP(all.map((each) => [each.inside, each.other]))).toBeGreaterThan(implausibleP)
    // Not blind: an experiment against itself.
    expect(crossTableP(all.map((each) => [each.one, each.one]))).toBeLessThan(1e-9)
    const inside = all.filter((each) => each.inside === 'true').length
    const check = sampleRatioCheck({ counts: [inside, all.length - inside], weights: [0.4, 0.6] })
    expect(check.p).toBeGreaterThan(implausibleP)
  })

  test('a customer is in one experiment of a group at most, whatever the slots', () => {
    const slots = [
      { from: 0, until: 10 },
      { from: 10, until: 55 },
      { from: 55, until: 100 },
    ]
    const groups = slots.map((slot, i) => ({
      ...experiment,
      id: `e${i}`,
      group: { id: 'checkout', ...slot },
    }))
    for (const id of customers) {
      expect(groups.filter((each) => !isOutsideGroup(each, 'shop', id))).toHaveLength(1)
    }
  })

  test('who comes after an arm was shipped is in no arm', () => {
    const spec = specOf('spring', 0, experiment)
    if (spec.policy.kind === 'fixed-split') spec.policy.shipped = 'tea'
    for (const id of customers.slice(0, 100)) expect(assign(spec, 'shop', id).arm).toBe('')
  })

  test('campaigns that share an experiment share its arms', () => {
    for (const id of customers.slice(0, 100)) {
      expect(assign(specOf('a', 0.1, experiment), 'shop', id).arm).toBe(
        assign(specOf('b', 0.1, experiment), 'shop', id).arm,
      )
    }
  })
})

describe('assignment rows', () => {
  const row = (customerId: string, patch: Partial<AssignmentRow> = {}): AssignmentRow => ({
    campaignId: 'spring',
    customerId,
    campaignVersion: 1,
    heldOut: false,
    arm: '',
    enteredAt: 100,
    decisionId: `decision-${customerId}`,
    ...patch,
  })

  test('are sticky: the first one stays', async () => {
    const store = await emptyStore()
    await inShop(store, (db) => insertAssignments(db, [row('ada')]))
    await inShop(store, (db) =>
      insertAssignments(db, [row('ada', { heldOut: true, enteredAt: 50 }), row('bob')]),
    )
    const rows = await loadAssignments(store.read.workspace('shop'), ['ada', 'bob', 'eve'])
    expect(rows.sort((a, b) => (a.customerId < b.customerId ? -1 : 1))).toEqual([row('ada'), row('bob')])
  })

  test.each([
    [
      'the one entered first stays',
      row('anon', { enteredAt: 50, arm: 'x' }),
      row('ada', { arm: 'y' }),
      { arm: 'x', enteredAt: 50, decisionId: 'decision-anon' },
    ],
    [
      'also when it is the canonical one',
      row('anon', { enteredAt: 150, arm: 'x' }),
      row('ada', { arm: 'y' }),
      { arm: 'y', enteredAt: 100 },
    ],
    ['at the same instant the one held out', row('anon', { heldOut: true }), row('ada'), { heldOut: true }],
    ['whichever of the two that is', row('anon'), row('ada', { heldOut: true }), { heldOut: true }],
    ['without one it moves', row('anon'), undefined, { decisionId: 'decision-anon' }],
  ])('of two merged customers %s', async (_, from, into, expected) => {
    const store = await emptyStore()
    await inShop(store, async (db) => {
      await insertAssignments(db, [from, ...(into === undefined ? [] : [into]), row('bob')])
      await mergeAssignments(db, 'anon', 'ada')
      await mergeAssignments(db, 'anon', 'ada')
    })
    const rows = await loadAssignments(store.read.workspace('shop'), ['anon', 'ada', 'bob'])
    expect(rows).toHaveLength(2)
    expect(rows.find(({ customerId }) => customerId === 'ada')).toMatchObject(expected)
  })
})
