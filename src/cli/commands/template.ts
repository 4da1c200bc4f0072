import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import type { Template } from '#contracts/campaign.ts'
import { parseWorkspaceFile } from '../../campaign/workspace-file.ts'
import type { TemplateCandidate } from '../../creative/template-candidate-rows.ts'
import type { TemplateVerdict } from '../../learning/template-gate.ts'
import { act, ask, type CliContext } from '../context.ts'
import { exitCodes } from '../exit-codes.ts'
import { operatorName } from '../operator-name.ts'
import { done, type Failure, failed } from '../outcome.ts'
import { table } from '../table.ts'

type Told = Omit<TemplateCandidate, 'candidateId' | 'verdict'> & {
  id: string
  verdict: TemplateVerdict | null
}

export function templateCommand(context: CliContext): Command {
  const template = new Command('template')
    .description('new words of templates: try, promote, roll back')
    .addHelpText('after', '\nExample:\n  starling template propose --help')
  addReading(template, context)
  addPropose(template, context)
  addPromote(template, context)
  addBack(template, context)
  return template
}

function addReading(template: Command, context: CliContext): void {
  template
    .command('list')
    .description('words that were proposed, newest first')
    .argument('[template]', 'only of this one')
    .addHelpText('after', '\nExample:\n  starling template list welcome-mail')
    .action(
      act(context, async (id: string | undefined, _options: object, command: Command) => {
        const path = `/templates/candidates${id === undefined ? '' : `?template=${encodeURIComponent(id)}`}`
        const answer = await ask<{ items: Told[] }>(context, command, 'GET', path)
        if (answer.kind === 'failed') return answer
        const { items } = answer.body
        if (items.length === 0) return done(items, 'No new words were proposed.')
        const rows = items.map((own) => [
          own.id,
          `${own.templateId} version ${own.version}`,
          own.state,
          own.state === 'proposed' ? `${100 * own.share} % of the weight` : own.reason,
          own.actor,
          own.note,
        ])
        return done(items, table(['candidate', 'words', 'state', 'why', 'by', 'note'], rows))
      }),
    )
}

function addPropose(template: Command, context: CliContext): void {
  template
    .command('propose')
    .description('try new words of a template beside the old ones, wherever a live campaign uses it')
    .argument('<file>', 'YAML with one entry under `templates`: the new words, under the id of the template')
    .option('--share <share>', 'of the weight that the old words have', share, 0.5)
    .option('--note <text>', 'what is new', '')
    .option('--actor <name>', 'who proposes and so approves them', operatorName())
    .addHelpText('after', '\nExample:\n  starling template propose welcome-mail.yaml --share 0.3')
    .action(
      act(context, async (file: string, options: { share: number; note: string; actor: string }, command) => {
        const words = readTemplate(file)
        if ('kind' in words && words.kind === 'failed') return words as Failure
        const json = { ...options, template: words }
        const answer = await ask<Told>(context, command, 'POST', '/templates/candidates', { json })
        if (answer.kind === 'failed') return answer
        const { id, templateId, version, places } = answer.body
        const where = places.map(({ campaignId, treatmentId }) => `${campaignId} ${treatmentId}`).join(', ')
        const text = `Version ${version} of ${templateId} is tried as ${id} in ${where}.`
        return done(answer.body, `${text} starling template promote ${id} asks the gate.`)
      }),
    )
}

function addPromote(template: Command, context: CliContext): void {
  template
    .command('promote')
    .description('let new words take the place of the old ones, if the gate passes them')
    .argument('<candidate>')
    .option('--override <reason>', 'let them live against the gate; the audit keeps who and why')
    .option('--actor <name>', 'who does it', operatorName())
    .addHelpText('after', '\nExample:\n  starling template promote 4f1c2f0e9b7d4b3fa1c0d9e8b7a6c5d4')
    .action(
      act(context, async (id: string, options: { override?: string; actor: string }, command: Command) => {
        const path = `/templates/candidates/${encodeURIComponent(id)}/promote`
        const answer = await ask<{ candidate: Told; verdict: TemplateVerdict }>(
          context,
          command,
          'POST',
          path,
          { json: options },
        )
        if (answer.kind === 'failed') return answer
        const { candidate, verdict } = answer.body
        const how = verdict.passed ? 'passed the gate' : 'overrode the gate'
        const text = `${candidate.templateId} version ${candidate.version} ${how} and is live.`
        return done(answer.body, `${verdictText(verdict)}\n${text}`)
      }),
    )
}

function addBack(template: Command, context: CliContext): void {
  const steps = {
    withdraw: { what: 'take proposed words out again', of: 'candidate', past: 'is withdrawn' },
    rollback: {
      what: 'put the words that were last replaced in force again',
      of: 'template',
      past: 'is rolled back',
    },
  }
  for (const [step, { what, of, past }] of Object.entries(steps)) {
    template
      .command(step)
      .description(what)
      .argument(`<${of}>`)
      .requiredOption('--reason <text>', 'why; the audit keeps it')
      .option('--actor <name>', 'who does it', operatorName())
      .addHelpText('after', `\nExample:\n  starling template ${step} welcome-mail --reason "a wrong price"`)
      .action(
        act(context, async (id: string, options: { reason: string; actor: string }, command: Command) => {
          const folder = of === 'template' ? '/templates' : '/templates/candidates'
          const path = `${folder}/${encodeURIComponent(id)}/${step}`
          const answer = await ask<Told>(context, command, 'POST', path, { json: options })
          if (answer.kind === 'failed') return answer
          const { templateId, version } = answer.body
          return done(answer.body, `Version ${version} of ${templateId} ${past}.`)
        }),
      )
  }
}

function verdictText({ figures, delta }: TemplateVerdict): string {
  const { champion, challenger, interval } = figures
  const rows = [
    ['old', String(champion.draws), String(champion.conversions), digits(champion.rate)],
    ['new', String(challenger.draws), String(challenger.conversions), digits(challenger.rate)],
  ]
  const range =
    interval === null ? 'too early for an interval' : `${digits(interval.lower)} to ${digits(interval.upper)}`
  const line = `difference ${digits(figures.estimate)} conversions a send, anytime-valid 95 %: ${range}, δ ${digits(delta)}`
  return `${table(['words', 'sends', 'conversions', 'rate'], rows)}\n${line}`
}

function digits(value: number | null): string {
  return value === null ? '-' : String(Number(value.toPrecision(3)))
}

function share(text: string): number {
  const value = Number(text)
  if (!(value >= 0.01 && value <= 0.99)) throw new InvalidArgumentError('a share between 0.01 and 0.99')
  return value
}

function readTemplate(file: string): Template | Failure {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    return failed(exitCodes.data, `${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
  const parsed = parseWorkspaceFile(text)
  if ('faults' in parsed) {
    return failed(exitCodes.data, parsed.faults.map(({ field, detail }) => `${field}: ${detail}`).join('\n'))
  }
  const [template, ...others] = parsed.file.templates
  if (template !== undefined && others.length === 0) return template
  return failed(exitCodes.data, `${file} must hold one template under templates:`)
}
