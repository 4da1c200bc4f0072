import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Store, WorkspaceRowOf } from '#platform/store/store.ts'
import { fairnessChecks } from '../../../src/report/fairness.ts'
import type { GroupTreated } from '../../../src/report/fairness-rows.ts'
import { campaign, createRows, ENTERED_AT, insert, newStore, report, WORKSPACE } from './support.ts'

const settings = { attributes: ['group'], ratioMin: 0.8, customersMin: 30, blocksPromotion: false }

function tallies(groups: Record<string, [customers: number, treated: number]>) {
  const own = Object.entries(groups).map(([value, [customers, treated]]): [string, GroupTreated] => [
    value,
    { customers, reached: new Map([['', treated]]) },
  ])
  return new Map([['group', new Map(own)]])
}

describe('treatment rates by group', () => {
  it('are judged by the four-fifths rule, as in the guidelines’ own example', () => {
    // EEOC, Questions and Answers on the Uniform Guidelines, 12: 80 applicants of whom 48 are hired, 60 %, and
    // 40 of whom 12 are, 30 %: 30/60 = 50 %, less than four fifths.
    const [check] = fairnessChecks(tallies({ black: [40, 12], white: [80, 48] }), [], settings)
    expect(check?.groups.map(({ value, rate, ratio, warning }) => [value, rate, ratio, warning])).toEqual([
      ['white', 0.6, 1, false],
      ['black', 0.3, 0.5, true],
    ])
    // The pooled z of 48/80 against 12/40 is 3.098: p = .001946.
    expect(check?.groups[1]?.holmP).toBeCloseTo(0.001946, 5)
  })

  it('warn of nothing that chance alone explains, nor of groups that are small or unknown', () => {
    const [byChance] = fairnessChecks(tallies({ a: [60, 12], b: [60, 9] }), [], settings)
    expect(byChance?.groups[1]?.ratio).toBeCloseTo(0.75, 12)
    expect(byChance?.groups[1]?.warning).toBe(false)
    const [small] = fairnessChecks(tallies({ a: [1000, 600], b: [29, 0], '': [500, 0] }), [], settings)
    expect(small?.groups.filter(({ ratio }) => ratio !== null).map(({ value }) => value)).toEqual(['a'])
    const [nobody] = fairnessChecks(tallies({ a: [100, 0], b: [100, 0] }), [], settings)
    expect(nobody?.groups.every(({ ratio, warning }) => ratio === null && !warning)).toBe(true)
  })
})

describe('the report of a campaign that watches over an attribute', () => {
  let store: Store
  let dispose: () => Promise<void>
  beforeAll(async () => {
    ;({ store, dispose } = await newStore())
    const made = createRows()
    const exposures: WorkspaceRowOf<'exposures'>[] = []
    const customers: WorkspaceRowOf<'customers'>[] = []
    for (let i = 0; i < 240; i += 1) {
      const customer_id = `c${String(i).padStart(3, '0')}`
      const country = i % 2 === 0 ? 'de' : 'fr'
      // Every sixth is held out: nobody counts them, though their "nothing" is an exposure too.
      const heldOut = i % 6 === 5
      made.enter(customer_id, heldOut)
      const traits = i === 0 ? {} : { country }
      customers.push({
        customer_id,
        version: 1,
        merged_into: null,
        profile_json: JSON.stringify({ traits, firstSeenAt: 0, lastSeenAt: 0, counts: {}, segments: {} }),
        updated_at: 0,
      })
      const head = heldOut
        ? 'nothing'
        : country === 'de'
          ? 'tea/email'
          : i % 3 === 0
            ? 'tea/email'
            : 'nothing'
      exposures.push({
        decision_id: `d${i}`,
        campaign_id: 'welcome',
        customer_id,
        goal_id: 'purchase',
        head,
        decision_day_utc: 0,
        exposed_at: ENTERED_AT,
        window_ends_at: ENTERED_AT,
        settles_at: ENTERED_AT,
        state: 'closed' as const,
      })
    }
    await insert(store, made.rows)
    await store.transaction(async (tx) => {
      const db = tx.workspace(WORKSPACE)
      await db.bulkInsert('customers', customers, 'fail')
      await db.bulkInsert('exposures', exposures, 'fail')
    })
  })
  afterAll(() => dispose())

  it('counts who may be treated and who was, and says it in its notes', async () => {
    const fairness = { attributes: ['country'], ratioMin: 0.8, customersMin: 50, blocksPromotion: true }
    const built = await report(store, campaign({ fairness }))
    expect(built.fairness).toHaveLength(1)
    const groups = built.fairness[0]?.groups.map(({ value, customers, treated, warning }) => {
      return { value, customers, treated, warning }
    })
    expect(groups).toEqual([
      { value: '', customers: 1, treated: 1, warning: false },
      { value: 'de', customers: 119, treated: 119, warning: false },
      { value: 'fr', customers: 80, treated: 40, warning: true },
    ])
    expect(built.notes).toEqual([expect.stringContaining('Fairness: 50.0 % of country “fr” got a message')])
  })

  it('is unchanged without one', async () => {
    const built = await report(store, campaign())
    expect([built.fairness, built.notes]).toEqual([[], []])
  })
})
