import { parseArgs } from 'node:util'
import { type FaultReport, runFaults } from './harness/run-faults.ts'

/**
 * `npm run -s faults -- --kills 20`: streams events, kills the server again and again, and counts from
 * outside what became of everything that was acknowledged. The last line is the count as JSON; exit 0 only
 * when every promise was kept and the run put enough to the test.
 */
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    customers: { type: 'string', default: '900' },
  },
})
const inFlightMax = 32

const { report, findings } = await runFaults({
  kills: Number(values.kills),
  seed: Number(values.seed),
  customers: Number(values.customers),
  say: (line) => process.stderr.write(`${line}\n`),
})
const broken = [...findings, ...missedBars(report)]
for (const line of broken) process.stderr.write(`BROKEN ${line}\n`)
console.log(JSON.stringify(report))
process.exit(broken.length === 0 ? 0 : 1)

function missedBars(own: FaultReport): string[] {
  const bars: [boolean, string][] = [
    [
      own.unknown <= own.kills * inFlightMax,
      `${own.unknown} unknown, more than ${own.kills} × ${inFlightMax}`,
    ],
    [own.kills_inside * 2 >= own.kills, `only ${own.kills_inside} of ${own.kills} kills were inside`],
    [own.cap_refusals >= 100, `only ${own.cap_refusals} cap refusals`],
    [own.optouts >= 100, `only ${own.optouts} opt-outs`],
  ]
  return bars.filter(([holds]) => !holds).map(([, line]) => line)
}
