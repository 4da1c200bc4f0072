import { parseArgs } from 'node:util'
import { capsMain } from './caps/main.ts'
import { runCouponFaults } from './coupons/run-coupon-faults.ts'
import { runFaults } from './harness/run-faults.ts'
import { runServiceFaults } from './harness/run-service-faults.ts'
import { missedProviderBars, runProviderFaults } from './providers/run-provider-faults.ts'

/**
 * `npm run -s faults -- --kills 20`: streams events, kills the server again and again, and counts from
 * outside what became of everything that was acknowledged. The last line is the count as JSON; exit 0 only
 * when every promise was kept and the run put enough to the test.
 *
 * `npm run -s faults -- --services`: the same with each role in processes of its own, on a Kafka, a PostgreSQL
 * and a Redis that the run starts for itself; in each of its `--rounds` every one of them fails once.
 *
 * `npm run -s faults -- --caps`: 64 deciders and the sender over 1,000 customers and 5 windows for `--seconds`,
 * with `--crashes`, by a clock on which a day lasts 24 seconds; counted from what the receivers got.
 *
 * `npm run -s faults -- --providers`: sends `--messages` mails over three providers that refuse, time out, close
 * and bounce, each with a rate of its own, and counts at the providers.
 *
 * `npm run -s faults -- --coupons`: 64 claimers in four processes that are killed again and again reserve
 * `--reservations` codes of one pool; counted from what they were told and from the store.
 */
const { values } = parseArgs({
  options: {
    providers: { type: 'boolean', default: false },
    messages: { type: 'string', default: '10000' },
    services: { type: 'boolean', default: false },
    coupons: { type: 'boolean', default: false },
    reservations: { type: 'string', default: '100000' },
    caps: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '60' },
    crashes: { type: 'string', default: '8' },
    kills: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
    customers: { type: 'string' },
    /** Folder for what the processes of `--services` print. */
    logs: { type: 'string' },
  },
})
const inFlightMax = 32
const say = (line: string): void => void process.stderr.write(`${line}\n`)
const seed = Number(values.seed)

if (values.caps) process.exit(await capsMain({ ...values, customers: values.customers ?? '1000', say }))
if (values.providers) await onProviders()
if (values.coupons) await onCoupons()

const { report, findings, insideOf } = values.services ? await onServices() : await onOneMachine()
const broken = [...findings, ...missedBars()]
for (const line of broken) say(`BROKEN ${line}`)
console.log(JSON.stringify(report))
process.exit(broken.length === 0 ? 0 : 1)

async function onProviders(): Promise<never> {
  const messages = Number(values.messages)
  const { report, findings } = await runProviderFaults({ messages, seed, say })
  const broken = [...findings, ...missedProviderBars(report, messages)]
  for (const line of broken) say(`BROKEN ${line}`)
  console.log(JSON.stringify(report))
  process.exit(broken.length === 0 ? 0 : 1)
}

async function onCoupons(): Promise<never> {
  const { report, findings } = await runCouponFaults({ reservations: Number(values.reservations), seed })
  for (const line of findings) say(`BROKEN ${line}`)
  console.log(JSON.stringify(report))
  process.exit(findings.length === 0 ? 0 : 1)
}

async function onOneMachine() {
  const customers = Number(values.customers ?? 900)
  const { report, findings } = await runFaults({ kills: Number(values.kills), seed, customers, say })
  return { report, findings, insideOf: { inside: report.kills_inside, all: report.kills } }
}

async function onServices() {
  const { logs } = values
  const customers = Number(values.customers ?? 4000)
  const rounds = Number(values.rounds)
  const { report, findings } = await runServiceFaults({ rounds, seed, customers, logs, say })
  return { report, findings, insideOf: { inside: report.faults_inside, all: report.faults } }
}

function missedBars(): string[] {
  const { unknown, kills, cap_refusals, optouts } = report
  const { inside, all } = insideOf
  const bars: [boolean, string][] = [
    [unknown <= kills * inFlightMax, `${unknown} unknown, more than ${kills} × ${inFlightMax}`],
    [inside * 2 >= all, `only ${inside} of ${all} faults were inside`],
    [cap_refusals >= 100, `only ${cap_refusals} cap refusals`],
    [optouts >= 100, `only ${optouts} opt-outs`],
  ]
  return bars.filter(([holds]) => !holds).map(([, line]) => line)
}
