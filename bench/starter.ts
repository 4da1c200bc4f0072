import { SingleBar } from 'cli-progress'
import { type DecisionInput, headKey, type PolicySnapshot } from '#contracts/decision.ts'
import { allowed } from '#contracts/guardrail.ts'
import { stableId } from '#platform/ids/ids.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { decide } from '../src/decision/decide.ts'
import { firstFeatureSchema } from '../src/decision/feature-schemas.ts'
import { createBayesianHeads } from '../src/learning/bayesian-head.ts'
import { readStarter, startingHeads } from '../src/learning/starter.ts'
import { createStarterShop, starterChannels } from '../src/simulate/starter-population.ts'
import { makeSpec, makeTreatment } from '../test/unit/decision/support.ts'

/**
 * A cold workspace with the starter and without it: made-up shops that the starter was not trained on
 * (seeds from another range), eight treatments (four channels, two offers of their own worth in each shop),
 * snapshots every 200 rewards. Counted is the true probability of a response to what was chosen.
 */
const shops = 40
const shopSeed = 900_000
const decisionsPerShop = 3_000
const customersPerShop = 1_500
const firstDecisions = 200
const snapshotEveryRewards = 200

const schema = firstFeatureSchema
const treatments = starterChannels.flatMap((channel) =>
  ['spring', 'autumn'].map((offerId) =>
    makeTreatment({ channel, offerId, costMicros: 0, valueMicros: 1_000_000 }),
  ),
)
const spec = makeSpec('welcome', treatments)
const starter = readStarter()
if (starter === null) throw new Error('models/starter/policy.json is missing')

const bar = new SingleBar({ format: 'starter {bar} {value}/{total} shops', stream: process.stderr })
bar.start(shops, 0)
const results = Array.from({ length: shops }, (_, shop) => {
  const result = { without: play(shopSeed + shop, false), with: play(shopSeed + shop, true) }
  bar.update(shop + 1)
  return result
})
bar.stop()

const first = summary(({ first: share }) => share)
const whole = summary(({ all }) => all)
for (const [name, { chance, without, withStarter, ratio }] of Object.entries({ first, whole })) {
  console.log(
    `${name.padEnd(6)} chance ${chance.toFixed(4)}  without ${without.toFixed(4)}  with ${withStarter.toFixed(4)}  with/without ${ratio.mean.toFixed(3)} [${ratio.lower.toFixed(3)}, ${ratio.upper.toFixed(3)}]`,
  )
}
const line = {
  bench: 'starter',
  value: first.withStarter,
  baseline: first.without,
  ratio: first.ratio.mean,
  baseline_is: `the same policy on the same ${shops} shops without the starter: mean response probability of the first ${firstDecisions} decisions`,
  first,
  whole,
  shops,
  decisionsPerShop,
}
console.log(JSON.stringify(line))
// Better than chance from the first decision on, and no worse in the end.
process.exitCode = first.ratio.lower > 1 && whole.ratio.upper >= 1 ? 0 : 1

interface Played {
  first: number
  all: number
  chanceFirst: number
  chanceAll: number
}

function play(seed: number, usesStarter: boolean): Played {
  const shop = createStarterShop(seed)
  const random = createSeededRandom(seed, 5)
  const offerFactors = [0.7 + 0.6 * random.next(), 0.7 + 0.6 * random.next()]
  const models = createBayesianHeads(schema.dimensions)
  const manifest = { featureSchema: schema.name, featureSchemaHash: schema.hash }
  const started = usesStarter ? startingHeads(starter, manifest, spec, []) : []
  const heads = new Map(
    treatments.map(({ treatmentId }) => [
      treatmentId,
      models.create(started.find(({ entry }) => entry.head === treatmentId)?.weights),
    ]),
  )
  let rewards = 0
  let snapshot = publish(0)
  const sums: Played = { first: 0, all: 0, chanceFirst: 0, chanceAll: 0 }
  for (let number = 0; number < decisionsPerShop; number += 1) {
    const { responds, ...known } = shop.customer(Math.floor(random.next() * customersPerShop))
    const features = schema.vector({ ...known, traits: [] }).dense
    const truth = treatments.map(
      ({ channel }, place) => responds[channel as keyof typeof responds] * offerFactors[place % 2]!,
    )
    const chosen = choose(number, features)
    const gained = chosen === null ? 0 : truth[chosen]!
    const chance = truth.reduce((sum, p) => sum + p, 0) / (truth.length + 1)
    sums.all += gained / decisionsPerShop
    sums.chanceAll += chance / decisionsPerShop
    if (number < firstDecisions) {
      sums.first += gained / firstDecisions
      sums.chanceFirst += chance / firstDecisions
    }
    const draw = random.next()
    if (chosen === null) continue
    models.teach(heads.get(treatments[chosen]!.treatmentId)!, features, draw < gained ? 1 : 0)
    rewards += 1
    if (rewards % snapshotEveryRewards === 0) snapshot = publish(rewards)
  }
  return sums

  function publish(count: number): PolicySnapshot {
    return {
      snapshotId: `s${count}`,
      sequence: count,
      t: 1 + count,
      boundMicros: 1_000_000,
      featureSchema: schema.name,
      heads: new Map([...heads].map(([id, { weights }]) => [headKey('welcome', id), weights.slice()])),
    }
  }

  /** Place of the treatment drawn; null for nothing. Nothing happens unprompted here, so "nothing" is worth 0. */
  function choose(number: number, features: Float64Array): number | null {
    const input: DecisionInput = {
      workspace: 'bench',
      decisionId: stableId(String(seed), String(number)),
      customerId: 'c',
      trigger: { kind: 'event', triggerId: 'e', step: 0 },
      decidedAt: 1,
      featureSchema: schema.name,
      features,
      snapshot,
      campaigns: [{ campaignId: 'welcome', version: 1, spec, heldOut: false, arm: '' }],
      candidates: treatments.map(({ channel }, treatmentIndex) => ({
        campaignIndex: 0,
        treatmentIndex,
        channel,
        fatigue: 0,
        guardrails: allowed,
        missingVariables: [],
      })),
    }
    const { choice } = decide(input)
    return choice.kind === 'treatment' ? choice.candidateIndex : null
  }
}

function summary(pick: (played: Played) => number) {
  const isFirst = pick({ first: 1, all: 0, chanceFirst: 0, chanceAll: 0 }) === 1
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const ratios = results.map((own) => pick(own.with) / pick(own.without))
  const middle = mean(ratios)
  const deviation = Math.sqrt(mean(ratios.map((own) => (own - middle) ** 2)) * (shops / (shops - 1)))
  // t quantile .975 at 39 degrees of freedom.
  const half = (2.0227 * deviation) / Math.sqrt(shops)
  return {
    chance: mean(results.map(({ without }) => (isFirst ? without.chanceFirst : without.chanceAll))),
    without: mean(results.map(({ without }) => pick(without))),
    withStarter: mean(results.map((own) => pick(own.with))),
    ratio: { mean: middle, lower: middle - half, upper: middle + half },
  }
}
