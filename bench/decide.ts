import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { compileTemplate } from '#creative/compile-template.ts'
import { templateContext } from '#creative/context.ts'
import { render } from '#creative/render.ts'
import { decide } from '#decision/decide.ts'
import { decodeDecision } from '#decision/record.ts'
import { stableId } from '#platform/ids/ids.ts'
import { bareDecision, bareRender } from './decide/bare.ts'
import { mailTemplate, products } from './decide/mail.ts'
import { type BenchCustomer, inputOf, makeScene, type Scene, type Shape } from './decide/scene.ts'

/**
 * Decisions per second in one thread: the facts of 20 candidates are put together, guarded by every
 * guardrail, decided and recorded. Each customer has 6 contacts, 3 frequency caps that count them, quiet
 * hours and a vector of 64 features as `featureVector` makes it of 12 declared traits. Divided by a bare loop
 * of the arithmetic alone, all 64 terms of it, in alternating rounds. Beside it (`dense_ratio`) the same with
 * vectors of which no feature is 0, and with the candidates in 10 campaigns. `render_ratio`: the decision and
 * a mail of 5 KB checked and rendered, divided by the bare loop and the same mail by bare Handlebars.
 *
 * What a decision costs is its time in the least of many short rounds, and its share of the time that the
 * collector took over all of them, which a least time does not see. `median_ratio` is the median of the
 * rounds, neighbours included: who shares the core's other thread doubles the time of a decision, which is
 * bound by how much the core gets done, and adds a quarter to the bare loop's, which mostly waits for one
 * addition after the other (ADR 14).
 */
const rounds = 8_000
const warmUpRounds = 800
/** Both halves of a round take about half a millisecond: a longer one is seldom left alone. */
const decisionsPerRound = 80
const bareDecisionsPerRound = 240
const ratioMin = 0.33
const renderRatioMin = 0.5

const decisionIds = Array.from({ length: 4_096 }, (_, index) => stableId('bench', String(index)))
const compiled = compiledMail()
let workDone = 0

const own = await measure({ campaigns: 1, offers: 10, isDense: false })
const withMail = await measure({ campaigns: 1, offers: 10, isDense: false }, { mail: true })
const dense = await measure({ campaigns: 1, offers: 10, isDense: true })
const tenCampaigns = await measure({ campaigns: 10, offers: 1, isDense: true })
console.log(
  JSON.stringify({
    bench: 'decide',
    value: Math.round(own.value),
    baseline: Math.round(own.baseline),
    ratio: thousandths(own.ratio),
    median_ratio: thousandths(own.medianRatio),
    collector_share: thousandths(own.collectorShare),
    render_value: Math.round(withMail.value),
    render_baseline: Math.round(withMail.baseline),
    render_ratio: thousandths(withMail.ratio),
    render_median_ratio: thousandths(withMail.medianRatio),
    dense_ratio: thousandths(dense.ratio),
    ten_campaigns_ratio: thousandths(tenCampaigns.ratio),
    baseline_is:
      '20 dot products of 64 doubles with one accumulator, 20 logistic functions, one draw; for render_ratio also the mail by bare Handlebars, compiled before',
  }),
)
process.exitCode = own.ratio >= ratioMin && withMail.ratio >= renderRatioMin && workDone > 0 ? 0 : 1

interface Measured {
  /** Decisions per second. */
  value: number
  baseline: number
  ratio: number
  medianRatio: number
  /** Of a decision's time. */
  collectorShare: number
}

async function measure(shape: Shape, { mail = false } = {}): Promise<Measured> {
  const scene = makeScene(shape)
  const watch = watchCollector()
  // Seconds each.
  const ours: number[] = []
  const bare: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    if (round === warmUpRounds) await watch.restart()
    ours.push(secondsOf(() => runDecisions(scene, round, mail)) / decisionsPerRound)
    bare.push(secondsOf(() => runBareLoop(scene, round, mail)) / bareDecisionsPerRound)
  }
  const decisions = (rounds - warmUpRounds) * decisionsPerRound
  const renders = mail ? (rounds - warmUpRounds) * bareDecisionsPerRound : 0
  // Bare Handlebars leaves garbage too: each takes its part.
  const collectorSeconds = (await watch.stop()) / (decisions + renders)
  const own = least(ours.slice(warmUpRounds)) + collectorSeconds
  const baseline = least(bare.slice(warmUpRounds)) + (mail ? collectorSeconds : 0)
  // By pairs: what slows the machine for a while slows both halves of a round.
  const medianRatio = median(ours.map((seconds, round) => bare[round]! / seconds).slice(warmUpRounds))
  const measured = {
    value: 1 / own,
    baseline: 1 / baseline,
    ratio: baseline / own,
    medianRatio,
    collectorShare: collectorSeconds / own,
  }
  const what = `${describe(scene, shape)}${mail ? ', and a mail' : ''}`
  console.log(`${what}: ${Math.round(measured.value)} decisions/s, ratio ${measured.ratio.toFixed(3)}`)
  return measured
}

/** How long the garbage collector holds this thread up, in seconds. Its entries come when the thread yields. */
function watchCollector(): { restart(): Promise<void>; stop(): Promise<number> } {
  let seconds = 0
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) seconds += duration / 1_000
  })
  observer.observe({ entryTypes: ['gc'] })
  return {
    async restart() {
      await setImmediate()
      seconds = 0
    },
    async stop() {
      await setImmediate()
      observer.disconnect()
      return seconds
    },
  }
}

function describe(scene: Scene, { campaigns, offers, isDense }: Shape): string {
  const inputs = scene.customers.map((customer) => inputOf(scene, customer, decisionIds[0]!))
  const decoded = inputs.map((input) => decodeDecision(decide(input).record))
  const scored = decoded.map(
    ({ candidates }) => candidates.filter(({ probability }) => probability > 0).length,
  )
  const present = decoded.map(({ features }) => features.filter((feature) => feature !== 0).length)
  const bytes = inputs.map((input) => decide(input).record.length)
  const vectors = `${isDense ? 'dense' : 'sparse'} vectors (${mean(present)} of 64 not 0)`
  const candidates = `${campaigns} × ${offers} × 2 candidates (${mean(scored)} scored)`
  return `${candidates}, ${vectors}, ${mean(bytes)} bytes a record`
}

function runDecisions(scene: Scene, round: number, mail: boolean): number {
  const { customers } = scene
  let bytes = 0
  for (let i = 0; i < decisionsPerRound; i += 1) {
    const customer = customers[(i + round) % customers.length]!
    const decisionId = decisionIds[(i + round) % decisionIds.length]!
    bytes += decide(inputOf(scene, customer, decisionId)).record.length
    if (mail) bytes += renderedLength(scene, customer)
  }
  return bytes
}

/** What the sender does at the claim: everything a template names is checked first. */
function renderedLength(scene: Scene, customer: BenchCustomer): number {
  const rendered = render(compiled, contextOf(scene, customer))
  if (rendered.kind === 'fault') throw new Error(rendered.fault.detail)
  return rendered.content.html.length
}

function runBareLoop(scene: Scene, round: number, mail: boolean): number {
  const { customers } = scene
  let chosen = 0
  for (let i = 0; i < bareDecisionsPerRound; i += 1) {
    const customer = customers[(i + round) % customers.length]!
    chosen += bareDecision(customer.features)
    if (mail) chosen += bareRender(contextOf(scene, customer)).length
  }
  return chosen
}

function contextOf({ specs }: Scene, { facts, traits }: BenchCustomer) {
  return templateContext({
    customerId: facts.customerId,
    traits,
    trigger: { event: { name: 'Product Viewed', properties: { products } } },
    offer: specs[0]!.treatments[0]!.offer,
    unsubscribeUrl: 'https://shop.example/unsubscribe/1',
  })
}

function compiledMail() {
  const result = compileTemplate(mailTemplate)
  if (result.kind === 'faults') throw new Error(result.faults.join('; '))
  return result.template
}

/** The sum keeps the results of both loops alive, so that neither is optimised away. */
function secondsOf(work: () => number): number {
  const startedAt = performance.now()
  workDone += work()
  return (performance.now() - startedAt) / 1_000
}

function mean(values: number[]): number {
  return Math.round((10 * values.reduce((sum, value) => sum + value, 0)) / values.length) / 10
}

function thousandths(value: number): number {
  return Math.round(value * 1_000) / 1_000
}

function least(values: number[]): number {
  return values.reduce((best, value) => Math.min(best, value))
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}
