import { Argument, Command } from 'commander'
import { act, ask, type CliContext } from '../context.ts'
import { operatorName } from '../operator-name.ts'
import { done } from '../outcome.ts'

export function resolveCommand(context: CliContext): Command {
  return new Command('resolve')
    .description('say what became of a message that is unknown')
    .argument('<message>')
    .addArgument(new Argument('<state>').choices(['sent', 'failed']))
    .requiredOption('--reason <text>', 'how you know')
    .option('--actor <name>', 'who says so', operatorName())
    .addHelpText(
      'after',
      '\nExample:\n  starling resolve 4f1c2f0e9b7d4b3f sent --reason "in the provider’s log"',
    )
    .action(
      act(
        context,
        async (
          message: string,
          state: string,
          { reason, actor }: { reason: string; actor: string },
          command: Command,
        ) => {
          const path = `/messages/${encodeURIComponent(message)}/resolve`
          const answer = await ask(context, command, 'POST', path, { json: { state, reason, actor } })
          return answer.kind === 'failed' ? answer : done(answer.body, `Message ${message} is ${state}.`)
        },
      ),
    )
}
