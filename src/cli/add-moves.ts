import type { Command } from 'commander'
import { act, ask, type CliContext } from './context.ts'
import { operatorName } from './operator-name.ts'
import { done } from './outcome.ts'

/** What the API answers a step with. */
export interface Moved {
  id: string
  version: number
  state: string
  alreadySending: string[]
}

/** Adds a command for each step of a campaign or broadcast: who takes it and why, and what it came to. */
export function addMoves(
  parent: Command,
  context: CliContext,
  {
    moves,
    argument,
    example,
    pathOf,
    textOf,
  }: {
    /** By name, what it does. */
    moves: Record<string, string>
    argument: string
    /** What follows the step's name. */
    example: string
    pathOf: (id: string) => string
    textOf: (moved: Moved) => string
  },
): void {
  for (const [move, description] of Object.entries(moves)) {
    parent
      .command(move)
      .description(description)
      .argument(argument)
      .option('--note <text>', 'why')
      .option('--actor <name>', 'who does it', operatorName())
      .addHelpText('after', `\nExample:\n  starling ${parent.name()} ${move} ${example}`)
      .action(
        act(context, async (id: string, options: { note?: string; actor: string }, command: Command) => {
          const json = { note: options.note ?? '', actor: options.actor }
          const answer = await ask<Moved>(context, command, 'POST', `${pathOf(id)}/${move}`, { json })
          if (answer.kind === 'failed') return answer
          return done(answer.body, textOf(answer.body) + underWay(answer.body))
        }),
      )
  }
}

function underWay({ state, alreadySending }: Moved): string {
  const stops = state === 'paused' || state === 'ended'
  if (!stops || alreadySending.length === 0) return ''
  return `\n${alreadySending.length} messages were being sent already: ${alreadySending.join(', ')}`
}
