import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { measureBareKafka, readRecords, type TopicRecord } from './pipeline/bare-kafka.ts'
import { measureBarePostgres } from './pipeline/bare-postgres.ts'
import { measureProduct, type Product } from './pipeline/product.ts'
import { createDatabase, findServices, removeAll, withClient } from './pipeline/services.ts'
import { createTemplate } from './pipeline/template.ts'
import type { Traffic } from './pipeline/traffic.ts'
import { readWrittenRows, type WrittenRows } from './pipeline/written-rows.ts'

/**
 * Events per second from the HTTP door to their commit, one in ten deciding, through Kafka and PostgreSQL with
 * one worker: 20 events of about 400 bytes a request, of 20,000 customers, a live campaign of eight
 * treatments. An api process and a worker; no sender and no strategist, so that this way alone is measured.
 *
 * Divided by what Kafka and PostgreSQL alone would make of it one after the other: 1 / (1/k + 1/p), where k is
 * kafkajs producing and then consuming the same records and nothing else, and p is pg writing the same rows
 * in batches of the same size and nothing else. All of it in turns in one run, so that a slow minute of the
 * machine hits all; medians. Reported beside it: two workers, and one worker with every event deciding.
 */
const rounds = 3
const ratioMin = 0.5
const warmUpEvents = 20_000
const measuredEvents = 60_000
/** As `batchRecordsMax` is by default. */
const eventsPerBatch = 500

if (!process.argv.includes('--services')) {
  console.error('usage: npm run -s bench -- pipeline --services, with the services of scripts/services up')
  process.exit(64)
}
const services = findServices()
if (services === null) {
  console.error('PostgreSQL and Kafka are missing. Start the services with: scripts/services up')
  process.exit(1)
}

const folder = mkdtempSync(join(process.env.STARLING_BENCH_DIR ?? process.cwd(), '.bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => void removeAll(services, `${base}_`).finally(() => process.exit(130)))
const base = `starling_bench_${process.pid}`
const template = `${base}_template`
const warmUp: Traffic = { prefix: 'warm', events: warmUpEvents, oneInDecides: 10 }
const tenth: Traffic = { prefix: 'tenth', events: measuredEvents, oneInDecides: 10 }
const every: Traffic = { prefix: 'every', events: measuredEvents / 2, oneInDecides: 1 }

const figures = { one: [] as number[], k: [] as number[], p: [] as number[], two: [] as number[] }
let same: { records: TopicRecord[]; warm: WrittenRows; measured: WrittenRows } | null = null
try {
  await createTemplate(services, template)
  for (let round = 0; round < rounds; round++) {
    const product = await measure(`one_${round}`, 1, tenth)
    figures.one.push(product.eventsPerSecond)
    same ??= await readSame(product)
    const k = await measureBareKafka(services, `${base}_bare_${round}`, same.records)
    figures.k.push(k.chain)
    const p = await barePostgres(same)
    figures.p.push(Math.max(p.unnest, p.copy))
    console.error(
      `round ${round}: ${whole(product.eventsPerSecond)} events/s with one worker; Kafka ${whole(k.chain)} ` +
        `(in ${whole(k.produced)}, out ${whole(k.consumed)}); PostgreSQL ${whole(p.unnest)} by unnest, ${whole(p.copy)} by copy`,
    )
    const second = await measure(`two_${round}`, 2, tenth)
    figures.two.push(second.eventsPerSecond)
    console.error(`round ${round}: ${whole(second.eventsPerSecond)} events/s with two workers`)
  }
  const deciding = await measure('every', 1, every)
  process.exitCode = tell(deciding.eventsPerSecond)
} finally {
  await removeAll(services, `${base}_`)
}

function tell(everyEventDeciding: number): number {
  const [k, p] = [median(figures.k), median(figures.p)]
  const value = median(figures.one)
  const baseline = chain(k, p)
  const ratio = value / baseline
  console.log(
    JSON.stringify({
      bench: 'pipeline',
      value: whole(value),
      baseline: whole(baseline),
      ratio: Number(ratio.toFixed(3)),
      k: whole(k),
      p: whole(p),
      two_workers: whole(median(figures.two)),
      every_event_deciding: whole(everyEventDeciding),
      baseline_is:
        '1/(1/k + 1/p) events/s: k produced and consumed by bare kafkajs, p the same rows written by bare pg',
    }),
  )
  return ratio >= ratioMin ? 0 : 1
}

function measure(name: string, workers: number, measured: Traffic): Promise<Product> {
  return measureProduct({
    services: services!,
    name: `${base}_${name}`,
    template,
    folder: join(folder, name),
    workers,
    warmUp,
    measured,
  })
}

/** What the product has made of the events, for the others to do the same. */
async function readSame(product: Product) {
  return {
    records: await readRecords(services!, product.eventsTopic, tenth.prefix, tenth.events),
    ...(await withClient(product.databaseUrl, async (client) => ({
      warm: await readWrittenRows(client, warmUp.prefix, eventsPerBatch),
      measured: await readWrittenRows(client, tenth.prefix, eventsPerBatch),
    }))),
  }
}

async function barePostgres({ warm, measured }: NonNullable<typeof same>) {
  const perSecond = async (appendBy: 'unnest' | 'copy'): Promise<number> => {
    const name = `${base}_bare`
    const url = await createDatabase(services!, name, template)
    await measureBarePostgres(url, warm.shapes, warm.batches, appendBy)
    const ms = await measureBarePostgres(url, measured.shapes, measured.batches, appendBy)
    await removeAll(services!, name)
    return (tenth.events * 1000) / ms
  }
  return { unnest: await perSecond('unnest'), copy: await perSecond('copy') }
}

function chain(k: number, p: number): number {
  return 1 / (1 / k + 1 / p)
}

function whole(value: number): number {
  return Math.round(value)
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
