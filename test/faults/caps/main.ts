import { type CapsReport, runCaps } from './run-caps.ts'

/** Runs, prints the count as one JSON line, and gives the exit code. */
export async function capsMain(asked: {
  seconds: string
  crashes: string
  seed: string
  customers: string
  say: (line: string) => void
}): Promise<number> {
  const { say } = asked
  const { report, findings } = await runCaps({
    seconds: Number(asked.seconds),
    crashes: Number(asked.crashes),
    seed: Number(asked.seed),
    customers: Number(asked.customers),
    deciders: 64,
    say,
  })
  const broken = [...findings, ...missedBars(report)]
  for (const line of broken) say(`BROKEN ${line}`)
  console.log(JSON.stringify(report))
  return broken.length === 0 ? 0 : 1
}

/** No violation, and enough put to the test: each window was full, the claim put off, crashes were inside. */
function missedBars(report: CapsReport): string[] {
  const { violations, violations_by_ledger, too_near, unrecorded, crashes, crashes_inside } = report
  const bars: [boolean, string][] = [
    [violations + violations_by_ledger + too_near === 0, 'a cap or the least gap was not kept'],
    [unrecorded === 0, `${unrecorded} were received that the ledger has not`],
    [report.sends >= 1000, `only ${report.sends} mails`],
    [report.shown >= 100, `only ${report.shown} shown at placements`],
    [report.refusals >= 1000, `only ${report.refusals} refusals`],
    [report.deferrals >= 100, `only ${report.deferrals} put off at the claim`],
    [Math.min(...report.full) >= 50, `a window was full only ${Math.min(...report.full)} times`],
    [crashes_inside * 2 >= crashes, `only ${crashes_inside} of ${crashes} crashes were inside`],
  ]
  return bars.filter(([holds]) => !holds).map(([, line]) => line)
}
