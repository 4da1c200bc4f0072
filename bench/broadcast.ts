import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Presets, SingleBar } from 'cli-progress'
import { countReached } from './broadcast/count-reached.ts'
import { fillFolder } from './broadcast/scene.ts'

/**
 * A broadcast to everybody of a shop: eight treatments with budget, caps, quiet hours and holdout, decided, queued
 * and committed to disk by one worker in a process of its own. The time from the start to the last message queued,
 * and the process's peak of memory, with 100,000 customers and with 10,000, in turns.
 *
 * Then the same 100,000 once more with the worker killed (SIGKILL) on the way, again and again: everybody has
 * exactly one decision, and who was drawn a treatment exactly one message.
 */
const customers = 100_000
const customersBaseline = 10_000
/** Of ten times the time of a tenth, and of the same memory. */
const growthMax = 1.2
/** What the process holds itself does not grow with the audience: at the end what it was after 40,000. */
const ownGrowthMax = 1.2
const rounds = 3
const smallsPerRound = 2
const killsAt = [0.15, 0.4, 0.5, 0.8]

const folder = mkdtempSync(join(process.env.STARLING_BENCH_DIR ?? process.cwd(), '.bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
process.on('SIGINT', () => process.exit(130))
process.on('SIGTERM', () => process.exit(143))

const bar = new SingleBar(
  { clearOnComplete: true, format: '{what} [{bar}] {value}/{total}' },
  Presets.shades_classic,
)
for (const [name, count] of [
  ['small', customersBaseline],
  ['large', customers],
] as const)
  await fillFolder(join(folder, name), count)
const small: Took[] = []
const large: Took[] = []
for (let round = 0; round < rounds; round++) {
  for (let i = 0; i < smallsPerRound; i++) small.push(await measure('small', customersBaseline))
  if (round < rounds - 1) large.push(await measure('large', customers))
}
const killed = await playKills()

const value = median(large.map(({ tookMs }) => tookMs))
const baseline = (median(small.map(({ tookMs }) => tookMs)) * customers) / customersBaseline
const cpuOf = (own: Took[]): number => median(own.map(({ cpuMs }) => cpuMs))
const cpuRatio = (cpuOf(large) / cpuOf(small)) * (customersBaseline / customers)
const peakMb = median(large.map((own) => own.peakMb))
const peakMbBaseline = median(small.map((own) => own.peakMb))
/** Each against those just before and after it: a busy machine is busy for some minutes. */
const ratio = median(
  large.map(({ tookMs }, i) => {
    const beside = small.slice(i * smallsPerRound, (i + 2) * smallsPerRound)
    const besideMs = beside.reduce((sum, own) => sum + own.tookMs, 0) / beside.length
    return (tookMs / besideMs) * (customersBaseline / customers)
  }),
)
const memoryRatio = (peakMb / peakMbBaseline) * (customersBaseline / customers)
const ownMb = median(large.map((own) => own.ownMb))
const ownGrowth = Math.max(...large.map((own) => own.ownMb / own.earlyMb))
console.log(
  JSON.stringify({
    bench: 'broadcast',
    value: Math.round(value),
    baseline: Math.round(baseline),
    ratio: Number(ratio.toFixed(3)),
    baseline_is: `ms from the start to the last of ${customersBaseline} customers queued, times ${customers / customersBaseline}; the value is with ${customers}; medians, the ratio of each to those beside it`,
    customers_per_second: Math.round((customers * 1000) / value),
    cpu_ratio: Number(cpuRatio.toFixed(3)),
    peak_mb: Math.round(peakMb),
    peak_mb_baseline: Math.round(peakMbBaseline),
    memory_ratio: Number(memoryRatio.toFixed(3)),
    own_mb: Math.round(ownMb),
    own_mb_of_the_tenth: Math.round(median(small.map((own) => own.ownMb))),
    own_growth: Number(ownGrowth.toFixed(3)),
    ...killed,
  }),
)
const isWhole = killed.missed === 0 && killed.twice === 0 && killed.kills === killsAt.length
const isFlat = memoryRatio <= growthMax && ownGrowth <= ownGrowthMax
process.exitCode = ratio <= growthMax && isFlat && isWhole ? 0 : 1

interface Took {
  tookMs: number
  /** Of the process alone: others may want the machine too. */
  cpuMs: number
  /** Resident, with the pages of the store's file that are mapped: of these it takes what is free. */
  peakMb: number
  ownMb: number
  earlyMb: number
}

async function measure(name: 'small' | 'large', count: number): Promise<Took> {
  const own = copyOf(name)
  bar.start(count, 0, { what: name })
  const took = await play(own, Number.POSITIVE_INFINITY)
  bar.stop()
  if (took === 'killed') throw new Error('the worker ended before its time')
  const reached = countReached(own)
  if (reached.missed > 0 || reached.twice > 0) throw new Error(`${name}: ${JSON.stringify(reached)}`)
  console.error(
    `${name}: ${count} customers in ${Math.round(took.tookMs)} ms (${Math.round(took.cpuMs)} of processor), ${Math.round(took.peakMb)} MB (its own ${Math.round(took.ownMb)}), ${reached.messages} messages`,
  )
  rmSync(own, { recursive: true })
  return took
}

async function playKills() {
  const own = copyOf('large')
  let kills = 0
  bar.start(customers, 0, { what: 'with kills' })
  for (const share of [...killsAt, Number.POSITIVE_INFINITY])
    if ((await play(own, share * customers)) === 'killed') kills += 1
  bar.stop()
  return { kills, ...countReached(own) }
}

function copyOf(name: 'small' | 'large'): string {
  const own = join(folder, 'copy')
  cpSync(join(folder, name), own, { recursive: true })
  return own
}

/** A worker on the folder, killed when it has come so far. */
async function play(own: string, killAt: number): Promise<Took | 'killed'> {
  const child = fork(new URL('./broadcast/worker-child.ts', import.meta.url), [own])
  let took: Took | 'killed' = 'killed'
  child.on('message', (message: { looked: number } | Took) => {
    if ('tookMs' in message) {
      took = message
      return
    }
    bar.update(message.looked)
    if (message.looked >= killAt) child.kill('SIGKILL')
  })
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`the worker ended with ${code ?? signal}`)
  return took
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
