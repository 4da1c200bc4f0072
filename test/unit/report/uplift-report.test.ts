import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GoalComparison, UpliftReport } from '../../../src/report/report-schema.ts'
import { hillstromCampaign, hillstromRows } from './hillstrom-report.ts'
import {
  campaign,
  createRows,
  ENTERED_AT,
  goal,
  insert,
  newStore,
  report,
  reportOn,
  twoGroups,
} from './support.ts'

const DAY_MS = 86_400_000

describe('Hillstrom, 64,000 customers in three arms', () => {
  let built: UpliftReport
  beforeAll(async () => {
    built = await reportOn(hillstromRows(), hillstromCampaign)
  })
  const goalOf = (arm: string, goalId: string): GoalComparison => {
    const comparison = built.comparisons.find(({ treatedId }) => treatedId === arm)
    return comparison?.goals.find((each) => each.goalId === goalId) ?? expect.fail(`${arm} ${goalId}`)
  }

  it('gives the rates and the spend per customer of the data set', () => {
    expect(goalOf('mens', 'visit').control.rate).toBeCloseTo(0.106167, 6)
    expect(goalOf('mens', 'visit').treated.rate).toBeCloseTo(0.182757, 6)
    expect(goalOf('womens', 'visit').treated.rate).toBeCloseTo(0.1514, 6)
    expect(goalOf('mens', 'conversion').control.rate).toBeCloseTo(0.005726, 6)
    expect(goalOf('mens', 'conversion').treated.rate).toBeCloseTo(0.012531, 6)
    expect(goalOf('womens', 'conversion').treated.rate).toBeCloseTo(0.008837, 6)
    expect(goalOf('mens', 'spend').control.valuePerCustomer).toBeCloseTo(0.652789, 6)
    expect(goalOf('mens', 'spend').treated.valuePerCustomer).toBeCloseTo(1.422617, 6)
    expect(goalOf('womens', 'spend').treated.valuePerCustomer).toBeCloseTo(1.077202, 6)
  })

  it.each([
    ['mens', 'visit', 0.0765896, 0.0699533, 0.0832267, 22.486, [0.0656857, 0.0874934]],
    ['mens', 'conversion', 0.006805, 0.0050143, 0.0086407, 7.3851, [0.0038394, 0.0097706]],
    ['womens', 'visit', 0.0452331, 0.0388941, 0.0515743, 13.9492, [0.0348161, 0.0556501]],
    ['womens', 'conversion', 0.0031111, 0.0015017, 0.0047455, 3.7796, [0.0004615, 0.0057606]],
  ] as const)(
    '%s %s: difference, Newcombe, z, anytime-valid',
    (arm, goalId, estimate, lower, upper, z, sequence) => {
      const { difference, guard } = goalOf(arm, goalId).rate
      expect(guard.status).toBe('ok')
      expect(difference?.estimate).toBeCloseTo(estimate, 6)
      expect(difference?.fixed.lower).toBeCloseTo(lower, 6)
      expect(difference?.fixed.upper).toBeCloseTo(upper, 6)
      expect(difference?.statistic).toBeCloseTo(z, 4)
      expect(difference?.anytime?.lower).toBeCloseTo(sequence[0], 6)
      expect(difference?.anytime?.upper).toBeCloseTo(sequence[1], 6)
    },
  )

  it.each([
    ['mens', 0.769827, 5.30014, 36671.158, 0.4851397, 1.0545146],
    ['womens', 0.424412, 3.25637, 40064.884, 0.1689568, 0.6798676],
  ])('%s spend: difference, t, degrees of freedom, Welch', (arm, estimate, t, df, lower, upper) => {
    const difference = goalOf(arm, 'spend').value?.difference
    expect(difference?.estimate).toBeCloseTo(estimate, 6)
    expect(difference?.statistic).toBeCloseTo(t, 5)
    expect(difference?.degreesOfFreedom).toBeCloseTo(df, 3)
    expect(difference?.fixed.lower).toBeCloseTo(lower, 6)
    expect(difference?.fixed.upper).toBeCloseTo(upper, 6)
  })

  it('gives the known p-values, relative lifts and sample-ratio check', () => {
    expect(goalOf('mens', 'spend').value?.difference?.p).toBeCloseTo(1.16381e-7, 11)
    expect(goalOf('womens', 'spend').value?.difference?.p).toBeCloseTo(0.0011294, 7)
    expect(goalOf('womens', 'conversion').rate.difference?.p).toBeCloseTo(0.000157, 6)
    expect(goalOf('mens', 'visit').rate.relative?.estimate).toBeCloseTo(0.7214, 4)
    expect(goalOf('mens', 'conversion').rate.relative?.estimate).toBeCloseTo(1.1884, 4)
    const [ratio] = built.sampleRatios
    expect(ratio).toMatchObject({ kind: 'arm', mismatch: false })
    expect(ratio?.chiSquare.statistic).toBeCloseTo(0.20253125, 8)
    expect(ratio?.chiSquare.p).toBeCloseTo(0.90369296, 8)
  })

  it('counts what the men’s e-mail brought in all', () => {
    const { incremental } = goalOf('mens', 'visit').rate
    expect(incremental?.estimate).toBeCloseTo(3894 - (2262 / 21306) * 21307, 6)
    expect(incremental?.fixed.lower).toBeCloseTo(0.0699533 * 21307, 1)
  })

  it('says that both e-mails add visits, and that nobody was held out', () => {
    expect(built.headline.code).toBe('adds')
    expect(built.headline.sentences[0]).toBe(
      'On “visit”, arm “mens” adds between 65.7 and 87.5 conversions per 1,000 customers against “none” (72 % more): ' +
        '1,400 to 1,864 among 21,307 customers.',
    )
    expect(built.headline.sentences[2]).toContain('No customer is held out')
    expect(built.comparisons.map(({ kind }) => kind)).toEqual(['arm', 'arm'])
  })
})

describe('what counts', () => {
  it('sums squares of micros exactly, far beyond 2⁵³ and int8', async () => {
    const made = createRows()
    const values = [9_007_199_254_740_991, 9_007_199_254_740_990, 3]
    for (let i = 0; i < 6; i += 1) made.enter(`c${i}`, i >= 3)
    values.forEach((value, i) => {
      made.convert(`c${i}`, 'purchase', value)
    })
    // The second customer's two purchases pass 2⁵³ in their sum.
    made.convert('c1', 'purchase', 9_007_199_254_740_991)
    const built = await reportOn(made.rows, campaign())
    const treated = built.comparisons[0]?.goals[0]?.treated
    const sums = [values[0]!, values[1]! + 9_007_199_254_740_991, values[2]!].map(BigInt)
    sums[1] = 18_014_398_509_481_981n
    const total = sums.reduce((a, b) => a + b, 0n)
    const spread = 3n * sums.reduce((a, b) => a + b * b, 0n) - total * total
    expect(treated?.valueVariance).toBe(Number(spread) / 6 / 1e12)
    expect(treated?.valueSum).toBe(Number(total) / 1e6)
    expect(treated?.payers).toBe(3)
  })

  it('counts a customer once, however often they convert, and adds their values', async () => {
    const made = createRows()
    made.enter('a', false)
    made.enter('b', false)
    made.enter('c', true)
    made.convert('a', 'purchase', 2_000_000)
    made.convert('a', 'purchase', 3_000_000)
    const built = await reportOn(made.rows, campaign())
    expect(built.comparisons[0]?.goals[0]?.treated).toMatchObject({
      customers: 2,
      conversions: 1,
      payers: 1,
      valueSum: 5,
      valuePerCustomer: 2.5,
      valueVariance: 12.5,
    })
  })

  it('leaves out conversions before the row, after the window, of strangers, of other goals and campaigns', async () => {
    const { store, dispose } = await newStore()
    const made = createRows()
    made.enter('a', false)
    made.enter('b', true)
    made.convert('a', 'purchase', 1, ENTERED_AT - 1)
    made.convert('a', 'purchase', 1, ENTERED_AT + 14 * DAY_MS + 1)
    made.convert('a', 'visit', 1)
    made.convert('stranger', 'purchase', 1)
    made.rows.outcomes.push({
      ...made.rows.outcomes[2]!,
      outcome_id: 'click',
      kind: 'click',
      goal_id: 'purchase',
    })
    const elsewhere = createRows('other')
    elsewhere.enter('a', false)
    elsewhere.convert('a', 'purchase', 1)
    elsewhere.rows.outcomes[0]!.outcome_id = 'elsewhere'
    const foreign = createRows()
    foreign.enter('a', false)
    foreign.convert('a', 'purchase', 1)
    try {
      await insert(store, made.rows)
      await insert(store, elsewhere.rows)
      await insert(store, foreign.rows, 'another-workspace')
      const none = await report(store, campaign())
      expect(none.population).toMatchObject({ customers: 2, treated: 1, heldOut: 1 })
      expect(none.comparisons[0]?.goals[0]?.treated.conversions).toBe(0)
      const edges = createRows()
      edges.convert('a', 'purchase', 1, ENTERED_AT)
      edges.convert('b', 'purchase', 1, ENTERED_AT + 14 * DAY_MS)
      for (const [i, row] of edges.rows.outcomes.entries()) row.outcome_id = `edge-${i}`
      await insert(store, edges.rows)
      const both = await report(store, campaign())
      expect(both.comparisons[0]?.goals[0]).toMatchObject({
        treated: { conversions: 1 },
        control: { conversions: 1 },
      })
    } finally {
      await dispose()
    }
  })

  it('counts customers whose window is still open', async () => {
    const made = createRows()
    made.enter('a', false, '', ENTERED_AT)
    made.enter('b', true, '', ENTERED_AT + DAY_MS)
    const built = await reportOn(made.rows, campaign(), { now: ENTERED_AT + 14 * DAY_MS })
    expect(built.population).toMatchObject({
      windowOpen: 1,
      firstEnteredAt: ENTERED_AT,
      lastEnteredAt: ENTERED_AT + DAY_MS,
    })
  })

  it('is the same however the customers fall on pages', async () => {
    // 12,000 customers are six pages; what each page adds is counted here by hand.
    const rows = twoGroups({ n: 6000, buyers: 700 }, { n: 6000, buyers: 500 })
    const built = await reportOn(rows, campaign())
    expect(built.comparisons[0]?.goals[0]).toMatchObject({
      treated: { customers: 6000, conversions: 700, valueSum: 700 },
      control: { customers: 6000, conversions: 500, valueSum: 500 },
    })
  })

  it('equals means and variances taken customer by customer', async () => {
    const purchases = fc.array(fc.integer({ min: 0, max: 5_000_000 }), { maxLength: 3 })
    const people = fc.array(fc.record({ heldOut: fc.boolean(), purchases }), { minLength: 1, maxLength: 25 })
    const { store, dispose } = await newStore()
    let round = 0
    try {
      await fc.assert(
        fc.asyncProperty(people, async (customers) => {
          round += 1
          const campaignId = `c${round}`
          const made = createRows(campaignId)
          customers.forEach((customer, i) => {
            made.enter(`k${i}`, customer.heldOut)
            for (const value of customer.purchases) made.convert(`k${i}`, 'purchase', value)
          })
          made.rows.outcomes.forEach((row, i) => {
            row.outcome_id = `${campaignId}-${i}`
          })
          await insert(store, made.rows)
          const built = await report(store, campaign({ campaignId }))
          for (const [side, heldOut] of [
            ['treated', false],
            ['control', true],
          ] as const) {
            const own = customers.filter((customer) => customer.heldOut === heldOut)
            const values = own.map(({ purchases: p }) => p.reduce((a, b) => a + b, 0) / 1e6)
            const mean = values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length
            const squares = values.reduce((a, b) => a + (b - mean) ** 2, 0)
            const group = built.comparisons[0]?.goals[0]?.[side]
            expect(group?.customers).toBe(own.length)
            expect(group?.conversions).toBe(own.filter(({ purchases: p }) => p.length > 0).length)
            expect(group?.valuePerCustomer).toBeCloseTo(mean, 9)
            expect(group?.valueVariance).toBeCloseTo(values.length < 2 ? 0 : squares / (values.length - 1), 9)
          }
        }),
        { numRuns: 60 },
      )
    } finally {
      await dispose()
    }
  })

  it('measures a goal that is named twice once, the main one first', async () => {
    const spec = campaign({ alsoMeasure: [goal('visit', false), goal('purchase')] })
    const built = await reportOn(twoGroups({ n: 3, buyers: 1 }, { n: 3, buyers: 1 }), spec)
    expect(built.comparisons[0]?.goals.map(({ goalId, value }) => [goalId, value === null])).toEqual([
      ['purchase', false],
      ['visit', true],
    ])
  })
})

describe('arms of an experiment that also holds customers out', () => {
  let built: UpliftReport
  const { store: opening, dispose } = { store: newStore(), dispose: async () => (await opening).dispose() }
  afterAll(dispose)
  beforeAll(async () => {
    const { store } = await opening
    const made = createRows()
    const cells: [arm: string, heldOut: boolean, n: number, buyers: number][] = [
      ['control', false, 1000, 100],
      ['offer', false, 1000, 200],
      ['control', true, 250, 20],
      ['offer', true, 250, 24],
    ]
    for (const [arm, heldOut, n, buyers] of cells) {
      for (let i = 0; i < n; i += 1) made.enter(`${arm}-${heldOut}-${i}`, heldOut, arm)
      for (let i = 0; i < buyers; i += 1) made.convert(`${arm}-${heldOut}-${i}`, 'purchase', 1_000_000)
    }
    await insert(store, made.rows)
    const policy = {
      kind: 'fixed-split' as const,
      experiment: {
        id: 'split',
        arms: [
          { id: 'control', share: 0.5, control: true },
          { id: 'offer', share: 0.5, control: false },
        ],
      },
    }
    built = await report(store, campaign({ holdout: 0.2, policy }))
  })

  it('compares all treated with all held out, and arms only among the treated', () => {
    expect(
      built.comparisons.map(({ kind, treatedId, controlId, goals }) => [
        kind,
        treatedId,
        controlId,
        goals[0]?.treated.customers,
        goals[0]?.treated.conversions,
        goals[0]?.control.customers,
        goals[0]?.control.conversions,
      ]),
    ).toEqual([
      ['holdout', 'treated', 'holdout', 2000, 300, 500, 44],
      ['arm', 'offer', 'control', 1000, 200, 1000, 100],
    ])
  })

  it('adjusts p over the measures that are compared together', () => {
    const { rate, value } = built.comparisons[1]?.goals[0] ?? expect.fail('no arm')
    // Two measures: the smaller of their p-values counts twice.
    const raw = [rate.difference?.anytimeP ?? 1, value?.difference?.anytimeP ?? 1]
    expect(Math.min(rate.holmP ?? 1, value?.holmP ?? 1)).toBe(2 * Math.min(...raw))
  })
})
