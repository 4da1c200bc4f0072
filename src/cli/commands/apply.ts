import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { act, ask, type CliContext } from '../context.ts'
import { exitCodes } from '../exit-codes.ts'
import { operatorName } from '../operator-name.ts'
import { done, failed } from '../outcome.ts'

interface Applied {
  applied: boolean
  changes: { kind: string; id: string; change: 'create' | 'update' | 'unchanged'; lines: string[] }[]
  versions: { campaignId: string; version: number }[]
  warnings: string[]
}

export function applyCommand(context: CliContext): Command {
  return new Command('apply')
    .description('apply a file of campaigns, offers, templates, segments, experiments, goals and guardrails')
    .argument('<file>', 'YAML; - reads from standard input')
    .option('--dry-run', 'only say what would change')
    .option('--actor <name>', 'who applies it', operatorName())
    .addHelpText('after', '\nExample:\n  starling apply shop.yaml --dry-run')
    .action(
      act(context, async (file: string, options: { dryRun?: boolean; actor: string }, command: Command) => {
        const yaml = read(file)
        if (yaml === null) return failed(exitCodes.data, `cannot read ${file}`, 'Check the name.')
        const body = { yaml, dryRun: options.dryRun === true, actor: options.actor }
        const answer = await ask<Applied>(context, command, 'POST', '/workspace-file', { json: body })
        return answer.kind === 'failed' ? answer : done(answer.body, textOf(answer.body))
      }),
    )
}

function read(file: string): string | null {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch {
    return null
  }
}

const signs = { create: '+', update: '~', unchanged: ' ' }

function textOf({ applied, changes, versions, warnings }: Applied): string {
  const shown = changes.filter(({ change }) => change !== 'unchanged')
  const lines = shown.flatMap(({ kind, id, change, lines: inner }) => [
    `${signs[change]} ${kind} ${id}`,
    ...inner.map((line) => `    ${line}`),
  ])
  const unchanged = changes.length - shown.length
  const summary =
    shown.length === 0
      ? `Nothing changes: all ${unchanged} definitions are as they were.`
      : `${applied ? 'Applied' : 'Would apply'}: ${shown.length} changed, ${unchanged} unchanged.`
  const next = versions.map(
    ({ campaignId }) =>
      `Next: starling campaign approve ${campaignId}, then starling campaign launch ${campaignId}`,
  )
  return [...lines, ...warnings.map((warning) => `! ${warning}`), summary, ...(applied ? next : [])].join(
    '\n',
  )
}
