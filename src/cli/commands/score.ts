import { setTimeout as wait } from 'node:timers/promises'
import { Command } from 'commander'
import { act, ask, type CliContext } from '../context.ts'
import { done } from '../outcome.ts'

interface Scoring {
  modelId: string | null
  scoredAt: number | null
  isWaiting: boolean
}

const askEveryMs = 500

export function scoreCommand(context: CliContext): Command {
  return new Command('score')
    .description('score all customers now, with the newest propensity network')
    .addHelpText('after', '\nExample:\n  starling score')
    .action(
      act(context, async (_options: object, command: Command) => {
        const begun = await ask<{ modelId: string }>(context, command, 'POST', '/scores')
        if (begun.kind === 'failed') return begun
        for (;;) {
          const answer = await ask<Scoring>(context, command, 'GET', '/scores')
          if (answer.kind === 'failed') return answer
          const { isWaiting, modelId, scoredAt } = answer.body
          const at = scoredAt === null ? 'never' : new Date(scoredAt).toISOString()
          if (!isWaiting) return done(answer.body, `Scored by ${modelId} at ${at}.`)
          await wait(askEveryMs)
        }
      }),
    )
}
