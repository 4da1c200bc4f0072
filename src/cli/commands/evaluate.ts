import { createReadStream } from 'node:fs'
import { Command } from 'commander'
import { CsvError, parse } from 'csv-parse'
import type { PerAction } from '#statistics/off-policy/logged-rows.ts'
import type { EvaluatedPolicy } from '../../pipeline/evaluate-policy.ts'
import {
  type CsvColumns,
  type CsvLog,
  csvColumnsDefault,
  readCsvLog,
} from '../../report/off-policy/csv-log.ts'
import { evaluationTable, shown } from '../../report/off-policy/evaluation-table.ts'
import { act, ask, type CliContext } from '../context.ts'
import { exitCodes } from '../exit-codes.ts'
import { done, type Failure, failed, type Outcome } from '../outcome.ts'
import { table } from '../table.ts'

export function evaluateCommand(context: CliContext): Command {
  const evaluate = new Command('evaluate')
    .description('what another policy would have brought, from a log')
    .addHelpText('after', '\nExample:\n  starling evaluate campaign --help')
  evaluate
    .command('campaign')
    .description("from the workspace's own decisions about a campaign")
    .argument('<campaign>')
    .option(
      '--target <policy>',
      'snapshot:ID, greedy:ID, candidate:ID, always:OFFER/CHANNEL, nothing or uniform',
      'snapshot:latest',
    )
    .option(
      '--reward <what>',
      'conversions, or value: their worth less the cost, in units of money',
      'conversions',
    )
    .option('--since <date>', 'decided from then on (ISO 8601)')
    .option('--until <date>', 'decided until then (ISO 8601)')
    .addHelpText('after', '\nExample:\n  starling evaluate campaign cart-reminder --target always:tea/email')
    .action(
      act(context, async (campaign: string, options: CampaignOptions, command: Command) => {
        const body = { campaign, ...options }
        const answer = await ask<EvaluatedPolicy>(context, command, 'POST', '/policy/evaluations', {
          json: body,
        })
        return answer.kind === 'failed' ? answer : done(answer.body, campaignText(answer.body))
      }),
    )
  evaluate
    .command('csv')
    .description('from a file with one line per decision; needs no server')
    .argument('<file>')
    .option(
      '--target <policy>',
      'columns (named target:ACTION), always:ACTION, uniform, or like:FILE, another log',
      'columns',
    )
    .option('--action <column>', 'what was drawn', csvColumnsDefault.action)
    .option('--reward <column>', 'what came of it', csvColumnsDefault.reward)
    .option('--propensity <column>', 'probability with which it was drawn', csvColumnsDefault.propensity)
    .option('--within <column>', 'choices differ by its value, such as a place on a page', '')
    .option('--context <columns>', 'what the reward may depend on, separated by commas', '')
    .addHelpText(
      'after',
      '\nExample:\n  starling evaluate csv random_men.csv --action item_id --reward click --propensity propensity_score \\\n    --within position --target like:bts_men.csv',
    )
    .action(act(context, (file: string, options: CsvOptions) => evaluateCsv(file, options)))
  return evaluate
}

interface CampaignOptions {
  target: string
  reward: string
  since?: string
  until?: string
}

interface CsvOptions extends Omit<CsvColumns, 'context'> {
  target: string
  context: string
}

async function evaluateCsv(file: string, { target, context, ...names }: CsvOptions): Promise<Outcome> {
  const columns = { ...names, context: context.split(',').filter((name) => name !== '') }
  const other = target.startsWith('like:')
    ? await readLogFile(target.slice(5), { ...columns, context: [] })
    : null
  if (other !== null && 'kind' in other) return other
  const log = await readLogFile(file, columns, other?.actions)
  if ('kind' in log) return log
  const policy = other === null ? policyOf(target, log) : log.like(other)
  if (typeof policy !== 'function') return policy
  // Loaded here: distribution functions would slow down every other command's start.
  const { evaluatePolicy } = await import('#statistics/off-policy/evaluate-policy.ts')
  const evaluation = evaluatePolicy(log.logged, policy, log.predict())
  return done({ file, target, ...evaluation }, evaluationTable(evaluation))
}

function policyOf(target: string, log: CsvLog): PerAction | Failure {
  if (target === 'uniform') return log.uniform
  if (target === 'columns') {
    const missing = failed(exitCodes.data, 'the file has no columns named target:ACTION', 'Name a --target.')
    return log.columns ?? missing
  }
  if (target.startsWith('always:')) {
    const action = target.slice(7)
    return (
      log.always(action) ?? failed(exitCodes.data, `the log never drew ${action}: nothing can be said of it`)
    )
  }
  return failed(exitCodes.usage, 'a target is columns, always:ACTION, uniform or like:FILE')
}

async function readLogFile(
  file: string,
  columns: CsvColumns,
  alsoActions?: readonly string[],
): Promise<CsvLog | Failure> {
  const records: string[][] = []
  try {
    const input = createReadStream(file)
    const parser = input.pipe(parse({ bom: true, skip_empty_lines: true, trim: true }))
    input.on('error', (error) => parser.destroy(error))
    for await (const record of parser as AsyncIterable<string[]>) records.push(record)
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    if (error instanceof CsvError || isMissing) {
      return failed(exitCodes.data, `${file}: ${(error as Error).message}`)
    }
    throw error
  }
  const [header, ...lines] = records
  if (header === undefined) return failed(exitCodes.data, `${file} is empty: it needs a header`)
  const log = readCsvLog(header, lines, columns, alsoActions)
  return 'fault' in log ? failed(exitCodes.data, `${file}: ${log.fault}`) : log
}

function campaignText(report: EvaluatedPolicy): string {
  const { logged, gain, constants, skipped } = report
  const interval = ({ lower, upper }: { lower: number; upper: number }): string =>
    `[${shown(lower)}, ${shown(upper)}]`
  const lines = [`${report.campaignId}, ${report.target}: ${report.reward} of goal ${report.goalId}`]
  if (logged !== null) {
    lines.push(`As it was drawn: ${shown(logged.value)} ${interval(logged.interval)}`)
  }
  lines.push(evaluationTable(report.evaluation))
  if (gain !== null)
    lines.push(`Against what was drawn, by DR: ${shown(gain.value)} ${interval(gain.interval)}`)
  if (constants.length > 0) {
    const rows = constants.map(({ action, drawn, estimate }) => [
      action,
      String(drawn),
      shown(estimate.value),
      interval(estimate.interval),
    ])
    lines.push('', table(['always', 'drawn', 'by DR', '95 % interval'], rows))
  }
  const left = Object.entries(skipped).map(([reason, count]) => `${reason} ${count}`)
  if (left.length > 0) lines.push('', `Left out: ${left.join(', ')}`)
  return lines.join('\n')
}
