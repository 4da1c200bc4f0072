import { expect, test } from 'vitest'
import type { DecisionInput } from '#contracts/decision.ts'
import { decodeDecision } from '#decision/record.ts'
import { replayDecision } from '#decision/replay.ts'
import { stableId } from '#platform/ids/ids.ts'
import { drawRanks } from '../../../src/pipeline/placement/draw-ranks.ts'
import {
  candidatesOf,
  decidedAt,
  makeCampaign,
  makeSnapshot,
  makeSpec,
  makeTreatment,
  makeVariants,
} from '../decision/support.ts'

const offers = ['shoes', 'hats', 'coats', 'bags']
const treatments = offers.map((offerId, i) =>
  makeTreatment({ offerId, valueMicros: 1_000_000 + i * 400, variants: makeVariants(1) }),
)
const campaigns = [makeCampaign(makeSpec('home', treatments))]

function inputOf(key: string): DecisionInput {
  const customerId = stableId('customer', key)
  return {
    workspace: 'main',
    decisionId: stableId('decision', key),
    customerId,
    trigger: { kind: 'request', triggerId: `home:${key}`, step: 0 },
    decidedAt,
    featureSchema: 'v1',
    features: Float64Array.from({ length: 64 }, (_, i) => (i === 0 ? 1 : 0)),
    snapshot,
    campaigns,
    candidates: candidatesOf(campaigns),
  }
}
const snapshot = makeSnapshot({}, { t: 4 })
const draws = 20_000

test('at every rank what is drawn comes as often as was logged, given what the ranks above took', () => {
  // Of each rank and treatment: how often drawn, the sum of its logged probabilities, and of their variances.
  const seen = new Map<string, { drawn: number; expected: number; variance: number }>()
  for (let i = 0; i < draws; i += 1) {
    for (const [rank, { input, decision }] of drawRanks(inputOf(`k${i}`), 3, decidedAt).entries()) {
      const { candidates, nothingProbability } = decodeDecision(decision.record)
      const probabilities = [...candidates.map(({ probability }) => probability), nothingProbability]
      expect(probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 12)
      const { choice } = decision
      const drawn = choice.kind === 'treatment' ? choice.candidateIndex : input.candidates.length
      for (const [place, p] of probabilities.entries()) {
        const own = seen.get(`${rank} ${place}`) ?? { drawn: 0, expected: 0, variance: 0 }
        own.drawn += place === drawn ? 1 : 0
        own.expected += p
        own.variance += p * (1 - p)
        seen.set(`${rank} ${place}`, own)
      }
      if (choice.kind === 'treatment')
        expect(choice.propensity).toBeCloseTo(probabilities[choice.candidateIndex] as number, 12)
    }
  }
  expect(seen.size).toBe(15)
  for (const [place, { drawn, expected, variance }] of seen) {
    // 15 places at 4.5 standard deviations: one false alarm in ten thousand runs.
    expect([place, Math.abs(drawn - expected) < 4.5 * Math.sqrt(variance)]).toEqual([place, true])
  }
})

test('nothing is given twice, every rank replays by itself, and its id is its own', () => {
  for (let i = 0; i < 200; i += 1) {
    const ranks = drawRanks(inputOf(`r${i}`), 4, decidedAt)
    const taken = ranks.flatMap(({ decision: { choice } }) =>
      choice.kind === 'treatment' ? [choice.candidateIndex] : [],
    )
    expect(new Set(taken).size).toBe(taken.length)
    expect(new Set(ranks.map(({ input }) => input.decisionId)).size).toBe(ranks.length)
    for (const { decision } of ranks)
      expect(Buffer.compare(replayDecision(decision.record, { snapshot, campaigns }), decision.record)).toBe(
        0,
      )
    // A draw that gives no treatment is the last.
    for (const { decision } of ranks.slice(0, -1)) expect(decision.choice.kind).toBe('treatment')
  }
})
