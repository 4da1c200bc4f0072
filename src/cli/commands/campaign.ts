import { Command } from 'commander'
import type { CampaignSpec } from '#contracts/campaign.ts'
import { drawCadence, type StepCount } from '../../campaign/draw-cadence.ts'
import { addMoves, type Moved } from '../add-moves.ts'
import { act, ask, type CliContext } from '../context.ts'
import { operatorName } from '../operator-name.ts'
import { done } from '../outcome.ts'
import { table } from '../table.ts'

interface Listed {
  id: string
  name: string
  version: number
  state: string
  waiting: { version: number; state: string } | null
}
interface Shown extends Listed {
  spec: CampaignSpec
  steps: StepCount[]
  history: { version: number; state: string; actor: string; note: string; createdAt: number }[]
}
interface Shipped {
  version: number
  note: string
}

const steps = {
  submit: 'hand a draft in for review',
  approve: 'approve what waits (by a person)',
  launch: 'let the approved version run, or a paused one go on',
  pause: 'send nothing more of it until it is launched again',
  end: 'end it for good',
}

export function campaignCommand(context: CliContext): Command {
  const campaign = new Command('campaign')
    .description('list, show and move campaigns')
    .addHelpText('after', '\nExample:\n  starling campaign launch --help')
  campaign
    .command('list')
    .description('list campaigns with the version in effect')
    .addHelpText('after', '\nExample:\n  starling campaign list')
    .action(
      act(context, async (_options: object, command: Command) => {
        const answer = await ask<{ items: Listed[] }>(context, command, 'GET', '/campaigns')
        if (answer.kind === 'failed') return answer
        const { items } = answer.body
        if (items.length === 0) return done(items, 'No campaign yet: starling apply FILE makes one.')
        const rows = items.map((own) => [
          own.id,
          own.state,
          `version ${own.version}`,
          waitingText(own),
          own.name,
        ])
        return done(items, table(['id', 'state', 'in effect', 'waiting', 'name'], rows))
      }),
    )
  campaign
    .command('show')
    .description('show a campaign and its history')
    .argument('<id>')
    .addHelpText('after', '\nExample:\n  starling campaign show cart-reminder')
    .action(
      act(context, async (id: string, _options: object, command: Command) => {
        const answer = await ask<Shown>(context, command, 'GET', pathOf(id))
        return answer.kind === 'failed' ? answer : done(answer.body, shownText(answer.body))
      }),
    )
  const example = 'cart-reminder --note "summer sale"'
  addMoves(campaign, context, { moves: steps, argument: '<id>', example, pathOf, textOf: movedText })
  campaign
    .command('ship')
    .description('give everybody the treatment of an experiment’s arm')
    .argument('<id>')
    .argument('<arm>')
    .option('--note <text>', 'why')
    .option('--actor <name>', 'who does it', operatorName())
    .option('--override', 'although the stopping rule has not decided for it; takes a note', false)
    .addHelpText('after', '\nExample:\n  starling campaign ship cart-reminder percent')
    .action(
      act(
        context,
        async (
          id: string,
          arm: string,
          options: { note?: string; actor: string; override: boolean },
          command: Command,
        ) => {
          const path = `${pathOf(id)}/ship`
          const { note = '', actor, override } = options
          const json = { arm, note, actor, override }
          const answer = await ask<Shipped>(context, command, 'POST', path, { json })
          if (answer.kind === 'failed') return answer
          const { version } = answer.body
          return done(answer.body, `${id} is live (version ${version}): ${answer.body.note}`)
        },
      ),
    )
  return campaign
}

function pathOf(id: string): string {
  return `/campaigns/${encodeURIComponent(id)}`
}

function movedText({ id, version, state }: Moved): string {
  return `${id} is ${state} (version ${version})`
}

function waitingText({ waiting }: Listed): string {
  return waiting === null ? '' : `version ${waiting.version}, ${waiting.state}`
}

function shownText(shown: Shown): string {
  const rows = shown.history.map(({ version, state, actor, note, createdAt }) => [
    String(version),
    state,
    new Date(createdAt).toISOString(),
    actor,
    note,
  ])
  const { cadence, goal } = shown.spec
  return [
    `${shown.name} (${shown.id}): ${shown.state}, version ${shown.version}`,
    ...(shown.waiting === null ? [] : [`waiting: ${waitingText(shown)}`]),
    ...(cadence === undefined ? [] : ['', drawCadence({ goal, cadence }, shown.steps)]),
    '',
    table(['version', 'state', 'since', 'by', 'note'], rows),
  ].join('\n')
}
