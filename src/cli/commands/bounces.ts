import { buffer } from 'node:stream/consumers'
import { Command } from 'commander'
import { act, ask, type CliContext } from '../context.ts'
import { exitCodes } from '../exit-codes.ts'
import { done } from '../outcome.ts'

interface Answer {
  report: boolean
  told: number
  known: number
}

export function bouncesCommand(context: CliContext): Command {
  return new Command('bounces')
    .description('hand in a mail that came back, from standard input, as a mail server’s pipe gives it')
    .option('--recipient <address>', 'the address that the mail server took it for', '')
    .addHelpText(
      'after',
      '\nExample:\n  starling bounces --recipient "$ORIGINAL_RECIPIENT" < report.eml\n\nWhile no server answers it exits with 75, which tells a mail server to try again.',
    )
    .action(
      act(context, async ({ recipient }: { recipient: string }, command: Command) => {
        const mail = await buffer(process.stdin)
        const path = `/bounces?recipient=${encodeURIComponent(recipient)}`
        const answer = await ask<Answer>(context, command, 'POST', path, { mail })
        if (answer.kind === 'failed')
          return answer.exitCode === exitCodes.unreachable || answer.exitCode === exitCodes.internal
            ? { ...answer, exitCode: exitCodes.tryAgain }
            : answer
        const { report, told, known } = answer.body
        return done(
          answer.body,
          report
            ? `${told === 1 ? 'One recipient' : `${told} recipients`}, ${known} of messages of ours.`
            : 'It says nothing about a delivery: left alone.',
        )
      }),
    )
}
