import { describe, expect, it } from 'vitest'
import type { CampaignState } from '#contracts/campaign.ts'
import { campaign, createRows, experiment, reportOn, twoGroups } from './support.ts'

const verdictOf = async (
  treated: { n: number; buyers: number },
  heldOut: { n: number; buyers: number },
  state: CampaignState = 'live',
) => {
  const built = await reportOn(twoGroups(treated, heldOut), campaign(), { state })
  const { rate, value } = built.comparisons[0]?.goals[0] ?? expect.fail('no comparison')
  return { headline: built.headline, rate, value: value ?? expect.fail('no value') }
}

describe('a running campaign', () => {
  it('says what is missing while it is too early, and shows no interval', async () => {
    const { rate, value, headline } = await verdictOf({ n: 1000, buyers: 300 }, { n: 1000, buyers: 19 })
    expect(rate.guard).toEqual({
      status: 'too-early',
      missing: [{ groupId: 'holdout', what: 'conversions', has: 19, needs: 20 }],
    })
    expect(rate.difference?.anytime).toBeNull()
    expect(rate.difference?.anytimeP).toBeNull()
    expect(rate.holmP).toBeNull()
    expect(rate.incremental?.anytime).toBeNull()
    expect(rate.verdict).toEqual({
      code: 'too-early',
      sentence:
        'On “purchase”, it is too early to judge what the campaign does to conversions: the holdout has 19 of the 20 conversions it takes.',
    })
    expect(value.verdict.sentence).toContain('the holdout has 19 of the 50 payers it takes')
    expect(headline.code).toBe('too-early')
  })

  it('asks for 20 of each kind for rates and 50 payers for values', async () => {
    const { rate, value } = await verdictOf({ n: 1000, buyers: 300 }, { n: 1000, buyers: 49 })
    expect(rate.verdict.code).toBe('adds')
    expect(value.verdict.code).toBe('too-early')
    const enough = await verdictOf({ n: 1000, buyers: 300 }, { n: 1000, buyers: 50 })
    expect(enough.value.verdict.code).toBe('adds')
  })

  it('says what it adds, with the bounds of the anytime-valid interval', async () => {
    const { rate, value } = await verdictOf({ n: 1000, buyers: 300 }, { n: 1000, buyers: 100 })
    expect(rate.difference?.anytime?.lower).toBeGreaterThan(0)
    expect(rate.verdict.sentence).toMatch(
      /^On “purchase”, the campaign adds between [\d.]+ and [\d.]+ conversions per 1,000 customers against the holdout \(200 % more\): \d+ to \d+ among 1,000 customers\.$/,
    )
    expect(value.verdict.sentence).toMatch(/adds between USD [\d.]+ and USD [\d.]+ per 1,000/)
  })

  it('says what it takes away', async () => {
    const { rate } = await verdictOf({ n: 1000, buyers: 100 }, { n: 1000, buyers: 300 })
    expect(rate.verdict.code).toBe('takes-away')
    expect(rate.verdict.sentence).toContain('takes away between 1')
  })

  it('judges by the anytime-valid interval: what one look would call a difference is none yet', async () => {
    const { rate } = await verdictOf({ n: 1000, buyers: 130 }, { n: 1000, buyers: 100 })
    expect(rate.difference?.fixed.lower).toBeGreaterThan(0)
    expect(rate.verdict.code).toBe('no-difference-shown')
    expect(rate.verdict.sentence).toMatch(
      /shows no difference in conversions yet: the data allow from [\d.]+ fewer to [\d.]+ more per 1,000/,
    )
  })
})

describe('an ended campaign', () => {
  it('judges by the fixed-horizon interval', async () => {
    const { rate, headline } = await verdictOf({ n: 1000, buyers: 130 }, { n: 1000, buyers: 90 }, 'ended')
    expect(rate.verdict.code).toBe('adds')
    expect(headline.code).toBe('adds')
  })

  it('answers for small counts of conversions, not for the value of few payers', async () => {
    const { rate, value } = await verdictOf({ n: 40, buyers: 15 }, { n: 40, buyers: 2 }, 'ended')
    expect(rate.verdict.code).toBe('adds')
    expect(value.verdict.code).toBe('too-few')
  })
})

it('has nothing to compare with when nobody is held out', async () => {
  const built = await reportOn(twoGroups({ n: 50, buyers: 5 }, { n: 0, buyers: 0 }), campaign({ holdout: 0 }))
  expect(built.headline.code).toBe('no-holdout')
  expect(built.comparisons).toEqual([])
})

it('says so when nobody has entered', async () => {
  const built = await reportOn(createRows().rows, campaign())
  expect(built.headline).toEqual({
    code: 'no-customers',
    sentences: ['No customer has entered the campaign yet.'],
  })
})

it('holds a finding back that does not stand among many comparisons', async () => {
  const arms = ['b', 'c', 'd', 'e', 'f']
  const buyers: Record<string, number> = { a: 100, b: 130, c: 101, d: 99, e: 100, f: 102 }
  const made = createRows()
  for (const [arm, bought] of Object.entries(buyers)) {
    for (let i = 0; i < 1000; i += 1) made.enter(`${arm}${i}`, false, arm)
    for (let i = 0; i < bought; i += 1) made.convert(`${arm}${i}`, 'purchase', 1_000_000)
  }
  const policy = experiment([['a', 1 / 6, true], ...arms.map((id): [string, number] => [id, 1 / 6])])
  const built = await reportOn(made.rows, campaign({ holdout: 0, policy }), { state: 'ended' })
  const { rate } = built.comparisons[0]?.goals[0] ?? expect.fail('no comparison')
  expect(rate.difference?.p).toBeLessThan(0.05)
  expect(rate.difference?.fixed.lower).toBeGreaterThan(0)
  expect(rate.verdict.code).toBe('not-after-correction')
  expect(rate.verdict.sentence).toContain('among 10 comparisons looked at together')
})
