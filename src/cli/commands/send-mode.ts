import { Argument, Command } from 'commander'
import { act, ask, type CliContext } from '../context.ts'
import { operatorName } from '../operator-name.ts'
import { done } from '../outcome.ts'

interface Changed {
  sendMode: 'outbox' | 'allowlist' | 'live'
  allowlist: string[]
  alreadySending: string[]
}

const texts = {
  outbox: 'Nothing leaves: messages go to the outbox.',
  allowlist: 'Only listed addresses are sent to.',
  live: 'Messages reach customers.',
}

export function sendModeCommand(context: CliContext): Command {
  return new Command('send-mode')
    .description('choose whom messages may reach')
    .addArgument(new Argument('<mode>').choices(['outbox', 'allowlist', 'live']))
    .option('--allow <address...>', 'addresses and @domains that `allowlist` may reach; replaces the list')
    .option('--actor <name>', 'who does it', operatorName())
    .addHelpText('after', '\nExample:\n  starling send-mode allowlist --allow ada@example.com @example.org')
    .action(
      act(
        context,
        async (sendMode: string, options: { allow?: string[]; actor: string }, command: Command) => {
          const { allow, actor } = options
          const json = { sendMode, actor, ...(allow === undefined ? {} : { allowlist: allow }) }
          const answer = await ask<Changed>(context, command, 'PATCH', '/workspace', { json })
          if (answer.kind === 'failed') return answer
          const { sendMode: mode, allowlist } = answer.body
          const listed = mode === 'allowlist' ? ` Listed: ${allowlist.join(', ') || 'nobody'}.` : ''
          return done(answer.body, `Send mode ${mode}. ${texts[mode]}${listed}`)
        },
      ),
    )
}
