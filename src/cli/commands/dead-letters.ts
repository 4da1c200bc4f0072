import { Command } from 'commander'
import { act, ask, type CliContext } from '../context.ts'
import { exitCodes } from '../exit-codes.ts'
import { operatorName } from '../operator-name.ts'
import { done, failed } from '../outcome.ts'
import { table } from '../table.ts'

interface Letter {
  messageId: string
  state: string
  provider: string
  reason: string
  attempts: number
  failedAt: number
  actor: string
  note: string
}
interface Shown extends Letter {
  message: {
    channel: string
    address: string
    campaignId: string
    attemptsMade: { attempt: number; provider: string; startedAt: number; result: string; reason: string }[]
  }
}
interface Changed {
  changed: string[]
  refused: { messageId: string; detail: string }[]
  more: boolean
}

const steps = {
  retry: 'send them again: a new attempt, past all guardrails',
  drop: 'leave them failed, and list them no more',
}

export function deadLettersCommand(context: CliContext): Command {
  const letters = new Command('dead-letters')
    .description('messages that failed for good: list, show, retry and drop them')
    .addHelpText('after', '\nExample:\n  starling dead-letters retry --all --provider ses-eu')
  letters
    .command('list')
    .description('list them, oldest first')
    .option('--provider <id>', 'only those that this provider refused last')
    .option('--state <state>', 'open, retried or dropped', 'open')
    .addHelpText('after', '\nExample:\n  starling dead-letters list --provider ses-eu')
    .action(
      act(context, async (options: { provider?: string; state: string }, command: Command) => {
        const query = new URLSearchParams({ limit: '200', ...options })
        const answer = await ask<{ items: Letter[]; nextCursor: string | null }>(
          context,
          command,
          'GET',
          `/dead-letters?${query}`,
        )
        if (answer.kind === 'failed') return answer
        const { items, nextCursor } = answer.body
        if (items.length === 0) return done(items, `No dead letter is ${options.state}.`)
        const rows = items.map((own) => [own.messageId, timeOf(own.failedAt), own.provider, own.reason])
        const more = nextCursor === null ? '' : '\n… and more'
        return done(items, table(['message', 'failed', 'provider', 'reason'], rows) + more)
      }),
    )
  letters
    .command('show')
    .description('show one with every attempt')
    .argument('<message>')
    .addHelpText('after', '\nExample:\n  starling dead-letters show 4f1c2f0e9b7d4b3f')
    .action(
      act(context, async (id: string, _options: object, command: Command) => {
        const answer = await ask<Shown>(context, command, 'GET', `/dead-letters/${encodeURIComponent(id)}`)
        return answer.kind === 'failed' ? answer : done(answer.body, shownText(answer.body))
      }),
    )
  for (const [step, description] of Object.entries(steps)) {
    letters
      .command(step)
      .description(description)
      .argument('[messages...]')
      .option('--all', 'all that are open', false)
      .option('--provider <id>', 'with --all: only those that this provider refused last')
      .option('--note <text>', 'why', '')
      .option('--actor <name>', 'who does it', operatorName())
      .addHelpText(
        'after',
        `\nExample:\n  starling dead-letters ${step} 4f1c2f0e9b7d4b3f --note "account mended"`,
      )
      .action(
        act(
          context,
          async (
            ids: string[],
            options: { all: boolean; provider?: string; note: string; actor: string },
            command: Command,
          ) => {
            const { all, provider, note, actor } = options
            if (all === ids.length > 0) return failed(exitCodes.usage, 'name messages, or say --all')
            const which = all ? (provider === undefined ? {} : { provider }) : { ids }
            const total: Changed = { changed: [], refused: [], more: true }
            // What is refused stays open: a round that changed nothing is the last.
            while (total.more) {
              const answer = await ask<Changed>(context, command, 'POST', `/dead-letters/${step}`, {
                json: { ...which, note, actor },
              })
              if (answer.kind === 'failed') return answer
              total.changed.push(...answer.body.changed)
              total.refused = answer.body.refused
              total.more = answer.body.more && answer.body.changed.length > 0
            }
            return done(total, changedText(step, total))
          },
        ),
      )
  }
  return letters
}

function shownText({ messageId, state, reason, message, actor, note }: Shown): string {
  const attempts = message.attemptsMade.map((own) => [
    String(own.attempt),
    timeOf(own.startedAt),
    own.provider,
    own.result,
    own.reason,
  ])
  return [
    `message   ${messageId}, ${message.channel} to ${message.address}, campaign ${message.campaignId}`,
    `state     ${state}${actor === '' ? '' : ` by ${actor}`}${note === '' ? '' : `: ${note}`}`,
    `reason    ${reason}`,
    '',
    table(['attempt', 'begun', 'provider', 'result', 'reason'], attempts),
  ].join('\n')
}

function changedText(step: string, { changed, refused }: Changed): string {
  const done = step === 'retry' ? 'queued again' : 'dropped'
  const lines = refused.map(({ messageId, detail }) => `  ${messageId}: ${detail}`)
  return [`${changed.length} ${done}`, ...(lines.length === 0 ? [] : ['refused:', ...lines])].join('\n')
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
}
