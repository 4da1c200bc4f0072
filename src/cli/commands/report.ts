import { Command } from 'commander'
import type { UpliftReport } from '../../report/report-schema.ts'
import { reportTable } from '../../report/report-table.ts'
import { act, ask, type CliContext } from '../context.ts'
import { done } from '../outcome.ts'

export function reportCommand(context: CliContext): Command {
  return new Command('report')
    .description('what a campaign added, against its holdout')
    .argument('<campaign>')
    .option('--csv', 'as comma-separated values, one row per comparison and goal')
    .addHelpText('after', '\nExample:\n  starling report cart-reminder --csv > report.csv')
    .action(
      act(context, async (campaign: string, options: { csv?: boolean }, command: Command) => {
        const path = `/campaigns/${encodeURIComponent(campaign)}/report`
        if (options.csv === true) {
          const answer = await ask<string>(context, command, 'GET', `${path}?format=csv`)
          return answer.kind === 'failed' ? answer : done({ csv: answer.body }, answer.body)
        }
        const answer = await ask<UpliftReport>(context, command, 'GET', path)
        return answer.kind === 'failed' ? answer : done(answer.body, reportTable(answer.body))
      }),
    )
}
