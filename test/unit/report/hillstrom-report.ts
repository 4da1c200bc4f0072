import { HILLSTROM_SPENDS_CENTS } from './hillstrom-spends.ts'
import { campaign, createRows, experiment, goal, type Rows } from './support.ts'

/** Customers and visitors by arm, counted from the public CSV; every spender visited and converted. */
const ARMS = {
  none: { customers: 21306, visits: 2262 },
  mens: { customers: 21307, visits: 3894 },
  womens: { customers: 21387, visits: 3238 },
}

export const hillstromCampaign = campaign({
  campaignId: 'hillstrom',
  name: 'Hillstrom',
  goal: goal('visit', false),
  alsoMeasure: [goal('conversion', false), goal('spend')],
  policy: experiment([
    ['none', 1 / 3, true],
    ['mens', 1 / 3],
    ['womens', 1 / 3],
  ]),
  holdout: 0,
})

/** The challenge's 64,000 customers and what they did, as the pipeline would have stored them. */
export function hillstromRows(): Rows {
  const made = createRows('hillstrom')
  for (const [arm, { customers, visits }] of Object.entries(ARMS)) {
    const spends = HILLSTROM_SPENDS_CENTS[arm as keyof typeof ARMS]
    for (let i = 0; i < customers; i += 1) made.enter(`${arm}-${i}`, false, arm)
    for (let i = 0; i < visits; i += 1) made.convert(`${arm}-${i}`, 'visit')
    for (const [i, cents] of spends.entries()) {
      made.convert(`${arm}-${i}`, 'conversion')
      made.convert(`${arm}-${i}`, 'spend', cents * 10_000)
    }
  }
  return made.rows
}
