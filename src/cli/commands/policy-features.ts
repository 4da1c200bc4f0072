import type { Command } from 'commander'
import { act, ask, type CliContext } from '../context.ts'
import { operatorName } from '../operator-name.ts'
import { done } from '../outcome.ts'

/** `starling policy features`. */
export function addFeatures(policy: Command, context: CliContext): void {
  policy
    .command('features')
    .description('choose what decisions look at: v1, or v3 with its hashed tail')
    .argument('<schema>')
    .option('--reason <text>', 'why; the audit keeps it', '')
    .option('--actor <name>', 'who does it', operatorName())
    .addHelpText('after', '\nExample:\n  starling policy features v3 --reason "traits of many values"')
    .action(
      act(context, async (features: string, options: { reason: string; actor: string }, command: Command) => {
        const json = { features, ...options }
        const answer = await ask<{ snapshotId: string; changed: boolean }>(
          context,
          command,
          'POST',
          '/policy/features',
          { json },
        )
        if (answer.kind === 'failed') return answer
        const { snapshotId, changed } = answer.body
        return done(
          answer.body,
          changed
            ? `Decisions look at ${features} from version ${snapshotId} on.`
            : `Decisions look at ${features} already, by version ${snapshotId}.`,
        )
      }),
    )
}
