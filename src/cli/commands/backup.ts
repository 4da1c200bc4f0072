import { resolve } from 'node:path'
import { Command } from 'commander'
import { act, ask, type CliContext } from '../context.ts'
import { done } from '../outcome.ts'

export function backupCommand(context: CliContext): Command {
  return new Command('backup')
    .description('copy store and log into a folder, while the server runs')
    .argument('<folder>', 'on the server’s machine; made where missing')
    .addHelpText('after', '\nExample:\n  starling backup /var/backups/starling/2026-11-21')
    .action(
      act(context, async (folder: string, _options: object, command: Command) => {
        const json = { folder: resolve(context.folder, folder) }
        const answer = await ask<{ folder: string; files: string[] }>(context, command, 'POST', '/backup', {
          json,
        })
        if (answer.kind === 'failed') return answer
        const { files } = answer.body
        return done(answer.body, `Copied ${files.join(' and ')} to ${answer.body.folder}.`)
      }),
    )
}
