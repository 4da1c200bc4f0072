import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { calibrated, fitCalibration } from '#statistics/calibration.ts'
import {
  areaUnderRoc,
  brierScore,
  expectedCalibrationError,
  logLoss,
  reliabilityCurve,
} from '#statistics/classification.ts'
import { firstFeatureSchema } from '../src/decision/feature-schemas.ts'
import { createBayesianHeads, responseProbability } from '../src/learning/bayesian-head.ts'
import { cardMarkdown, curveFile, reliabilitySvg } from '../src/learning/networks/card-page.ts'
import type { HeadCard, ModelCard } from '../src/learning/networks/model-card.ts'
import type { StarterPolicy } from '../src/learning/starter.ts'
import { createStarterShop, starterChannels } from '../src/simulate/starter-population.ts'

/**
 * Makes `models/starter`: `node scripts/train-starter.ts`. The same code gives the same files: shops and
 * draws come from the seeds below, and no date is written.
 */
const folder = join(import.meta.dirname, '../models/starter')
const seed = 20_261
const customersPerShop = 250
const parts = { taught: range(0, 160), stopped: range(160, 200), measured: range(200, 240) }
const schema = firstFeatureSchema
const models = createBayesianHeads(schema.dimensions)

const channels = starterChannels.map((channel, place) => {
  const model = models.create()
  const taught = rowsOf(parts.taught, channel, place)
  for (const { x, y } of taught) models.teach(model, x, y)
  const told = (rows: Row[]) => rows.map(({ x }) => responseProbability(model, x))
  const held = rowsOf(parts.stopped, channel, place)
  const calibration = fitCalibration(told(held), labelsOf(held))
  const measured = rowsOf(parts.measured, channel, place)
  const raw = told(measured)
  const y = labelsOf(measured)
  const p = raw.map((own) => calibrated(calibration, own))
  const reliability = reliabilityCurve(p, y)
  const baseRate = mean(labelsOf(taught))
  const head: HeadCard = {
    name: `channel-${channel}`,
    meaning: `buys because of a message in ${channel}`,
    rows: y.length,
    positives: y.reduce((sum, own) => sum + own, 0),
    metrics: {
      logLoss: logLoss(p, y),
      logLossOfBaseRate: logLoss(
        p.map(() => baseRate),
        y,
      ),
      auc: areaUnderRoc(p, y),
      brier: brierScore(p, y),
      ece: expectedCalibrationError(reliability),
      eceUncalibrated: expectedCalibrationError(reliabilityCurve(raw, y)),
    },
    reliability,
    calibration,
  }
  // Around one half, as every head that nobody has taught: what is new gets tried (statistics of low rates).
  const weights = [...model.weights]
  weights[0]! -= mean(taught.map(({ x }) => x.reduce((sum, value, i) => sum + value * model.weights[i]!, 0)))
  return { channel, head, weights }
})

const policy: StarterPolicy = {
  version: 1,
  featureSchema: schema.name,
  featureSchemaHash: schema.hash,
  channels: Object.fromEntries(
    channels.map(({ channel, weights }) => [channel, weights.map((own) => Number(own.toFixed(5)))]),
  ),
}
const card: ModelCard = {
  modelId: 'starter',
  kind: 'starter',
  purpose:
    'Where the treatments of a cold workspace start: which customers rather respond in which channel. Every head lies around one half, so that each is tried, and gives way to the workspace’s own rewards.',
  trainedAt: 'by scripts/train-starter.ts; the same code gives the same file',
  request: { seed, customersPerShop },
  features: { schema: schema.name, hash: schema.hash, traits: [] },
  data: {
    from: '2026-01-05T00:00:00.000Z',
    to: '2026-11-01T00:00:00.000Z',
    customers: 240 * customersPerShop,
    rows: {
      taught: parts.taught.length * customersPerShop,
      stopped: parts.stopped.length * customersPerShop,
      measured: parts.measured.length * customersPerShop,
    },
  },
  training: {
    backend: 'none: the learner’s own Bayesian logistic heads',
    seed,
    network: `${schema.dimensions} features, one linear head a channel`,
    epochs: 1,
    bestEpoch: 1,
    stoppedEarly: false,
    heldOutLosses: [],
  },
  heads: channels.map(({ head }) => head),
  limits: [
    'Trained on customers of 160 made-up shops (src/simulate/starter-population.ts), measured on 40 others. Nobody real is behind it: what it gets right about your customers is what was assumed about everybody.',
    'Assumed: mail works for those who click, text messages for those with a number who have not been seen for long, push and in-app for those who were here lately, and who is written to often responds less.',
    'It knows channels, no offers, no traits and no season, and moves nothing between two treatments of one channel.',
    'Heads are used uncalibrated and moved to one half; the figures above are of the calibrated probabilities.',
    'Used only while a workspace decides by the features named above; take models/starter/policy.json away to do without it.',
  ],
}

writeFileSync(join(folder, 'policy.json'), `${JSON.stringify(policy)}\n`)
writeFileSync(join(folder, 'card.json'), `${JSON.stringify(card, null, 2)}\n`)
writeFileSync(join(folder, 'card.md'), cardMarkdown(card))
for (const { name, reliability } of card.heads) {
  writeFileSync(join(folder, curveFile(name)), reliabilitySvg(name, reliability))
}
console.log(cardMarkdown(card))

interface Row {
  x: Float64Array
  y: 0 | 1
}

function rowsOf(shops: number[], channel: (typeof starterChannels)[number], place: number): Row[] {
  return shops.flatMap((shop) => {
    const { customer } = createStarterShop(seed + shop)
    const random = createSeededRandom(seed + shop, 99 + place)
    return range(0, customersPerShop).map((index): Row => {
      const { responds, ...known } = customer(index)
      const x = schema.vector({ ...known, traits: [] }).dense
      return { x, y: random.next() < responds[channel] ? 1 : 0 }
    })
  })
}

function labelsOf(rows: Row[]): number[] {
  return rows.map(({ y }) => y)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}
