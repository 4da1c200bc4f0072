import { expect, test } from 'vitest'
import type { FeatureInput } from '#contracts/feature-schema.ts'
import { builtInFeatureSchemas } from '../../../src/decision/feature-schemas.ts'
import { featuresFor, featureTraits } from '../../../src/pipeline/decision-features.ts'

const fairness = { attributes: ['gender'], ratioMin: 0.8, customersMin: 100, blocksPromotion: false }

test('what one campaign watches over is a feature of none in the same decision', () => {
  const campaigns = [
    { spec: { features: ['plan'], fairness } },
    { spec: { features: ['gender', 'plan', 'city'] } },
  ]
  expect(featureTraits(campaigns)).toEqual({ traits: ['plan', 'city'], watched: ['gender'] })
  expect(featureTraits(campaigns.slice(1))).toEqual({ traits: ['gender', 'plan', 'city'], watched: [] })
})

test('a tail goes into decisions only by a schema that decides by it', () => {
  const input: FeatureInput = {
    profile: { traits: { plan: 'gold' }, firstSeenAt: 0, lastSeenAt: 0, counts: {}, segments: {} },
    ...{ traits: ['plan'], contacts: [], now: 0, zone: 'UTC' },
  }
  const has = (name: string) => 'tail' in featuresFor(builtInFeatureSchemas.get(name)!, input)
  expect([...builtInFeatureSchemas.keys()].map((name) => [name, has(name)])).toEqual([
    ['v1', false],
    ['v2', false],
    ['v3', true],
  ])
})
