import { setTimeout as wait } from 'node:timers/promises'
import { SingleBar } from 'cli-progress'
import { Command } from 'commander'
import type { BroadcastProgress } from '../../pipeline/broadcast/broadcast-progress.ts'
import { addMoves, type Moved } from '../add-moves.ts'
import { act, ask, type CliContext } from '../context.ts'
import { operatorName } from '../operator-name.ts'
import { done, type Outcome } from '../outcome.ts'
import { table } from '../table.ts'

const moves = {
  pause: 'send nothing more of it until it is resumed',
  resume: 'go on where it was paused',
  cancel: 'end it for good; what is queued lapses',
}
const askEveryMs = 500

export function broadcastCommand(context: CliContext): Command {
  const broadcast = new Command('broadcast')
    .description('campaigns to everybody in an audience: start, watch, stop')
    .addHelpText('after', '\nExample:\n  starling broadcast start spring-sale')
  broadcast
    .command('start')
    .description('decide about everybody in the audience, once')
    .argument('<campaign>')
    .option('--again', 'although it was started before: whoever got it gets it once more', false)
    .option('--note <text>', 'why')
    .option('--actor <name>', 'who does it', operatorName())
    .addHelpText('after', '\nExample:\n  starling broadcast start spring-sale')
    .action(
      act(
        context,
        async (
          id: string,
          options: { again: boolean; note?: string; actor: string },
          command: Command,
        ): Promise<Outcome> => {
          const { again, note = '', actor } = options
          const body = { json: { again, note, actor } }
          const answer = await ask<{ run: number; customers: number }>(
            context,
            command,
            'POST',
            `${pathOf(id)}/start`,
            body,
          )
          if (answer.kind === 'failed') return answer
          const { run, customers } = answer.body
          return done(
            answer.body,
            `${id}, run ${run}, has started among ${customers} customers: starling broadcast show ${id} --watch`,
          )
        },
      ),
    )
  const example = 'spring-sale --note "wrong price"'
  addMoves(broadcast, context, { moves, argument: '<campaign>', example, pathOf, textOf: movedText })
  broadcast
    .command('show')
    .description('how far it has come, and when it will be done')
    .argument('<campaign>')
    .option('--watch', 'until it is done, with a bar', false)
    .addHelpText('after', '\nExample:\n  starling broadcast show spring-sale --watch')
    .action(
      act(context, async (id: string, { watch }: { watch: boolean }, command: Command): Promise<Outcome> => {
        const read = () => ask<BroadcastProgress>(context, command, 'GET', pathOf(id))
        const answer = watch ? await follow(context, read) : await read()
        return answer.kind === 'failed' ? answer : done(answer.body, progressText(answer.body))
      }),
    )
  return broadcast
}

/** Asks until nobody is left to decide about, or somebody has stopped it. */
async function follow<A extends { kind: 'failed' } | { kind: string; body: BroadcastProgress }>(
  context: CliContext,
  read: () => Promise<A>,
): Promise<A> {
  const bar = context.isTerminal
    ? new SingleBar({
        format: '{bar} {percentage} % {value}/{total} customers, {queued} queued, {sent} sent, {left}',
        stream: process.stderr,
        clearOnComplete: true,
      })
    : null
  bar?.start(1, 0, { queued: 0, sent: 0, left: '' })
  try {
    for (;;) {
      const answer = await read()
      if (!('body' in answer)) return answer
      const { body } = answer
      const { done: value, total } = partOf(body)
      bar?.setTotal(total)
      bar?.update(value, { queued: body.queued, sent: body.messages.sent ?? 0, left: endText(body) })
      if (body.state !== 'running' && body.state !== 'scheduled') return answer
      await wait(askEveryMs)
    }
  } finally {
    bar?.stop()
  }
}

function pathOf(id: string): string {
  return `/broadcasts/${encodeURIComponent(id)}`
}

function movedText({ id, state }: Moved): string {
  if (state === 'live') return `${id} goes on`
  return `${id} is ${state === 'ended' ? 'cancelled' : state}`
}

/** What is done of what: customers looked at; at a local time those whose time has come. */
function partOf({ audience, customers, looked, state }: BroadcastProgress): { done: number; total: number } {
  const all = Math.max(1, customers)
  if (looked < customers || audience.waiting === 0)
    return { done: state === 'done' ? all : Math.min(looked, all), total: all }
  return { done: audience.counted - audience.waiting, total: Math.max(1, audience.counted) }
}

const barWidth = 40

export function progressText(progress: BroadcastProgress): string {
  const { audience, messages } = progress
  const part = partOf(progress)
  const share = part.done / part.total
  const filled = Math.round(share * barWidth)
  const isExact = audience.counted === audience.expected
  const rows = [
    ['audience', `${audience.counted}${isExact ? '' : ` of about ${audience.expected}`}`],
    ...(audience.waiting === 0 ? [] : [['waiting for their hour', String(audience.waiting)]]),
    ['decided', String(progress.decided)],
    ['queued', String(progress.queued)],
    ['held out', String(progress.heldOut)],
    ['refused by guardrails', String(progress.refused)],
    ['nothing drawn', String(progress.nothing)],
    ...Object.entries(messages).map(([state, number]) => [`messages ${state}`, String(number)]),
  ]
  return [
    `${progress.campaignId}, run ${progress.run}: ${progress.state}, started by ${progress.actor} at ${new Date(progress.startedAt).toISOString()}`,
    `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${Math.floor(share * 100)} %, ${endText(progress)}`,
    '',
    table(['', 'customers'], rows),
  ].join('\n')
}

function endText({ endedAt, expectedEndAt, state }: BroadcastProgress): string {
  if (endedAt !== null) return `${state} at ${new Date(endedAt).toISOString()}`
  if (state === 'paused') return 'paused'
  return expectedEndAt === null ? 'no estimate yet' : `done at about ${new Date(expectedEndAt).toISOString()}`
}
