import { Argument, Command } from 'commander'
import { act, ask, type CliContext } from '../context.ts'
import { operatorName } from '../operator-name.ts'
import { done } from '../outcome.ts'

interface Changed {
  killSwitch: boolean
  alreadySending: string[]
}

export function killSwitchCommand(context: CliContext): Command {
  return new Command('kill-switch')
    .description('stop all sending at once, or let it go on')
    .addArgument(new Argument('<state>').choices(['on', 'off']))
    .option('--actor <name>', 'who does it', operatorName())
    .addHelpText('after', '\nExample:\n  starling kill-switch on')
    .action(
      act(context, async (state: string, { actor }: { actor: string }, command: Command) => {
        const json = { killSwitch: state === 'on', actor }
        const answer = await ask<Changed>(context, command, 'PATCH', '/workspace', { json })
        if (answer.kind === 'failed') return answer
        const { alreadySending } = answer.body
        const underWay =
          alreadySending.length === 0 ? '' : ` These were being sent already: ${alreadySending.join(', ')}`
        const text =
          state === 'on' ? `The kill switch is on: nothing is sent.${underWay}` : 'The kill switch is off.'
        return done(answer.body, text)
      }),
    )
}
