import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/**
 * Durable events per second through the HTTP door, 20 a request of about 400 bytes each, over what a bare
 * Fastify route makes of the same requests. Rounds take turns, so that a slow minute of the machine hits
 * both; medians. Exits with 0 where the ratio is at least 0.3.
 */
const ROUNDS = 7
/** Enough that the door reads the next requests while the log's thread waits for the disk. */
const CONNECTIONS = 128
const WARM_UP_MS = 500
const MEASURE_MS = 1500
const EVENTS_PER_REQUEST = 20
const RATIO_MIN = 0.3

const durable = await start('durable')
const bare = await start('bare')
const load = fork(new URL('./ingest/load.ts', import.meta.url))

const durableRates: number[] = []
const bareRates: number[] = []
for (let round = 0; round < ROUNDS; round++) {
  durableRates.push(await measure(durable.port))
  bareRates.push(await measure(bare.port))
}
load.disconnect()
durable.process.disconnect()
bare.process.disconnect()
await Promise.all([once(durable.process, 'exit'), once(bare.process, 'exit')])

const value = median(durableRates)
const baseline = median(bareRates)
const ratio = value / baseline
console.log(
  JSON.stringify({
    bench: 'ingest',
    value: Math.round(value),
    baseline: Math.round(baseline),
    ratio: Number(ratio.toFixed(3)),
  }),
)
process.exitCode = ratio >= RATIO_MIN ? 0 : 1

async function start(name: 'durable' | 'bare'): Promise<{ process: ChildProcess; port: number }> {
  const child = fork(new URL(`./ingest/${name}.ts`, import.meta.url))
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return { process: child, port }
}

/** Events per second. */
async function measure(port: number): Promise<number> {
  load.send({ port, connections: CONNECTIONS, warmUpMs: WARM_UP_MS, measureMs: MEASURE_MS })
  const [answer] = (await once(load, 'message')) as [{ requests: number }]
  const rate = answer.requests * EVENTS_PER_REQUEST
  console.error(`port ${port}: ${Math.round(rate)} events/s`)
  return rate
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
