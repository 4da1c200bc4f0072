import { describe, expect, it } from 'vitest'
import type { CampaignSpec, CampaignState, Experiment } from '#contracts/campaign.ts'
import { campaign, createRows, ENTERED_AT, reportOn } from './support.ts'

const dayMs = 86_400_000
const arms = [
  { id: 'none', share: 0.4, control: true },
  { id: 'percent', share: 0.3, control: false, treatment: 'percent/email' },
  { id: 'shipping', share: 0.3, control: false, treatment: 'shipping/email' },
]

/** Buyers among 800 without, 600 and 600 with an offer. */
async function stoppingOf(
  buyers: [none: number, percent: number, shipping: number],
  stopping: Experiment['stopping'] | null = { measure: 'conversions', minimumDays: 7 },
  over: { days?: number; state?: CampaignState; shipped?: string; lost?: number } = {},
) {
  const made = createRows()
  const sizes = [800 - (over.lost ?? 0), 600, 600]
  arms.forEach(({ id }, arm) => {
    for (let i = 0; i < sizes[arm]!; i += 1) made.enter(`${id}-${i}`, false, id)
    for (let i = 0; i < buyers[arm]!; i += 1) made.convert(`${id}-${i}`, 'purchase', 1_000_000)
  })
  const policy: CampaignSpec['policy'] = {
    kind: 'fixed-split',
    experiment: { id: 'offers', arms, ...(stopping === null ? {} : { stopping }) },
    ...(over.shipped === undefined ? {} : { shipped: over.shipped }),
  }
  const { days = 30, state = 'live' } = over
  const built = await reportOn(made.rows, campaign({ holdout: 0, policy }), {
    state,
    now: ENTERED_AT + days * dayMs,
  })
  return built
}

describe('the stopping rule', () => {
  it('keeps on while nothing is decided, also where one look would call it a difference', async () => {
    const built = await stoppingOf([100, 104, 102])
    expect(built.stopping).toMatchObject({ code: 'keep-on', arm: '' })
    const tempting = await stoppingOf([100, 102, 75])
    expect(tempting.comparisons[0]?.goals[0]?.rate.difference?.fixed.lower).toBeGreaterThan(0)
    expect(tempting.stopping?.code).toBe('keep-on')
  })

  it('ships the best of those that add, and says so on top', async () => {
    const built = await stoppingOf([80, 170, 220])
    expect(built.stopping).toMatchObject({ code: 'ship', arm: 'shipping' })
    expect(built.headline.sentences.at(-2)).toContain('Stop: ship “shipping”')
  })

  it('waits for its minimum of days with a winner, but not with harm', async () => {
    const early = await stoppingOf([80, 170, 90], undefined, { days: 5 })
    expect(early.stopping).toMatchObject({ code: 'keep-on', arm: 'percent' })
    expect(early.stopping?.sentence).toContain('2 more days')
    const harm = await stoppingOf([240, 60, 180], undefined, { days: 5 })
    expect(harm.stopping).toMatchObject({ code: 'harm', arm: 'percent' })
  })

  it('judges by the value where that is what counts, and ends when its time is over', async () => {
    const value = { measure: 'value' as const, minimumDays: 0 }
    expect((await stoppingOf([80, 170, 90], value)).stopping).toMatchObject({ code: 'ship', arm: 'percent' })
    const over = { measure: 'conversions' as const, minimumDays: 7, maximumDays: 28 }
    expect((await stoppingOf([100, 104, 102], over)).stopping?.code).toBe('no-winner')
  })

  it('says nothing of groups that are not the planned sizes, without a rule, and when it is over', async () => {
    expect((await stoppingOf([80, 170, 220], null)).stopping).toBeNull()
    const rule = { measure: 'conversions' as const, minimumDays: 0 }
    expect((await stoppingOf([10, 170, 220], rule, { lost: 500 })).stopping?.code).toBe('withheld')
    expect((await stoppingOf([80, 170, 220], rule, { state: 'ended' })).stopping).toBeNull()
    const shipped = await stoppingOf([80, 170, 220], rule, { shipped: 'shipping' })
    expect(shipped.stopping).toBeNull()
    expect(shipped.notes.join(' ')).toContain('Arm “shipping” was shipped')
  })
})
