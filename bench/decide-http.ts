import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { SingleBar } from 'cli-progress'
import type { OpenLoad, OpenLoadResult } from './decide-http/open-load.ts'
import { adminKey, customersCount, definitions, identifyBatches, placement } from './decide-http/scene.ts'

/**
 * p99 of `POST /api/v1/decisions` over the p99 of a bare Fastify route that durably appends the same bytes (the
 * record that such a decision writes) to the same log, in the same server with all its roles at work.
 *
 * Open loop: 500 requests a second by schedule, latency counted from the scheduled time. Slices of 5 s take
 * turns, decisions and bare appends, 60 s of each; the worker stores what either has appended. Then the same
 * once more while 20,000 events a second come in through the event door, 20 a request, in an open loop too.
 * 20,000 customers, 20 candidates with 5 KB of html each. Exits with 0 where the first ratio is at most 1.5,
 * the second at most 2.0, and the events came in at that rate.
 */
const requestsPerSecond = 500
const sliceMs = 5_000
const slices = Number(process.env.DECIDE_HTTP_SLICES ?? 12)
const eventsPerSecond = 20_000
const eventsPerRequest = 20
const ratioMax = 1.5
const ratioMaxWhileIngesting = 2.0

const running: ChildProcess[] = []
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

const server = start('server')
const [{ url, barePort }] = (await once(server, 'message')) as [{ url: string; barePort: number }]
const port = Number(new URL(url).port)
const load = start('open-load')
const ingest = start('open-load')
await makeScene()
const samples = await warmUp()

const alone = await measure('alone', 0)
const beside = await measure('while ingesting', eventsPerSecond)
for (const child of running) child.disconnect()

const value = { alone: ratioOf(alone), beside: ratioOf(beside) }
console.log(
  JSON.stringify({
    bench: 'decide-http',
    value: round(alone.decide.p99),
    baseline: round(alone.append.p99),
    ratio: round(value.alone),
    ratioWhileIngesting: round(value.beside),
    requestsPerSecond,
    secondsEach: (slices * sliceMs) / 1000,
    alone,
    whileIngesting: beside,
    recordBytes: Math.round(samples.reduce((sum, { body }) => sum + body.length, 0) / samples.length),
    baseline_is:
      'p99 in ms of a bare Fastify route that appends the same bytes to the same log, in turns of 5 s in the same server',
  }),
)
const isIngesting = beside.eventsPerSecond >= eventsPerSecond * 0.99
process.exitCode = value.alone <= ratioMax && value.beside <= ratioMaxWhileIngesting && isIngesting ? 0 : 1

interface Quantiles {
  p50: number
  p90: number
  p99: number
  max: number
}
interface Figures {
  decide: Quantiles
  append: Quantiles
  degraded: number
  /** Per second, as the event door answered them; 0 where none were sent. */
  eventsPerSecond: number
  eventsP99: number
  /** By how much the generator sent late: its own pauses, in the latencies of both. */
  generatorLagP99: { decide: number; append: number }
  /** Records that the worker had not stored at the end. */
  lag: number
}

function ratioOf({ decide, append }: Figures): number {
  return decide.p99 / append.p99
}

async function measure(name: string, events: number): Promise<Figures> {
  const bar = new SingleBar({ format: `${name} {bar} {value}/{total} slices` })
  bar.start(slices * 2, 0)
  const decide: number[] = []
  const append: number[] = []
  const eventLatencies: number[] = []
  const lags: { decide: number[]; append: number[] } = { decide: [], append: [] }
  let degraded = 0
  let eventsMs = 0
  for (let slice = 0; slice < slices * 2; slice += 1) {
    const isDecide = slice % 2 === 0
    const order = { requestsPerSecond, measureMs: sliceMs, slice: slice + (events > 0 ? 1000 : 1) }
    const startedAt = performance.now()
    const ingesting =
      events === 0
        ? null
        : drive(ingest, {
            ...order,
            kind: 'events',
            port,
            requestsPerSecond: events / eventsPerRequest,
          }).then((result) => {
            eventLatencies.push(...result.latenciesMs)
            eventsMs += Math.max(sliceMs, performance.now() - startedAt)
          })
    const result = isDecide
      ? await drive(load, { ...order, kind: 'decide', port })
      : await drive(load, { ...order, kind: 'append', port: barePort, samples })
    await ingesting
    const into = isDecide ? decide : append
    for (const latency of result.latenciesMs) into.push(latency)
    lags[isDecide ? 'decide' : 'append'].push(...result.lagsMs)
    degraded += result.degraded
    bar.update(slice + 1)
  }
  bar.stop()
  return {
    decide: quantilesOf(decide),
    append: quantilesOf(append),
    degraded,
    eventsPerSecond:
      eventsMs === 0 ? 0 : Math.round((eventLatencies.length * eventsPerRequest * 1000) / eventsMs),
    eventsP99: eventLatencies.length === 0 ? 0 : quantilesOf(eventLatencies).p99,
    generatorLagP99: { decide: quantilesOf(lags.decide).p99, append: quantilesOf(lags.append).p99 },
    lag: await lag(),
  }
}

async function drive(child: ChildProcess, order: OpenLoad): Promise<OpenLoadResult> {
  child.send(order)
  const [result] = (await once(child, 'message')) as [OpenLoadResult]
  if (result.failures > 0)
    throw new Error(`${order.kind}: ${result.failures} answers are no 200: ${result.firstFailure}`)
  return result
}

async function makeScene(): Promise<void> {
  await call('/workspace-file', { yaml: JSON.stringify(definitions()) })
  for (const campaign of ['campaign-0', 'campaign-1']) {
    await call(`/campaigns/${campaign}/approve`, { actor: 'bench' })
    await call(`/campaigns/${campaign}/launch`, { actor: 'bench' })
  }
  for (const body of identifyBatches()) {
    const response = await fetch(`${url}/v1/batch`, { method: 'POST', body })
    if (response.status !== 200) throw new Error(await response.text())
  }
  await untilStored()
}

/** A slice of each, until the code is compiled; what the decisions write is what the bare route appends. */
async function warmUp(): Promise<{ key: string; body: string }[]> {
  const order = { requestsPerSecond, measureMs: sliceMs, slice: 999 }
  await drive(load, { ...order, kind: 'decide', port })
  server.send('samples')
  const [{ samples: own }] = (await once(server, 'message')) as [{ samples: { key: string; body: string }[] }]
  await drive(load, { ...order, kind: 'append', port: barePort, samples: own })
  await untilStored()
  return own
}

async function untilStored(): Promise<void> {
  const deadline = performance.now() + 120_000
  while ((await lag()) > 0) {
    if (performance.now() > deadline) throw new Error(`the worker does not store ${customersCount} customers`)
    await wait(50)
  }
}

async function lag(): Promise<number> {
  server.send('lag')
  const [answer] = (await once(server, 'message')) as [{ lag: number }]
  return answer.lag
}

async function call(path: string, body: object): Promise<void> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (response.status !== 200) throw new Error(`${path} for ${placement}: ${await response.text()}`)
}

function start(name: string): ChildProcess {
  const child = fork(new URL(`./decide-http/${name}.ts`, import.meta.url))
  running.push(child)
  return child
}

function quantilesOf(values: number[]): Quantiles {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) =>
    round(sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)]!)
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) }
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
