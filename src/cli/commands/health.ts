import { Command } from 'commander'
import { act, type CliContext, serverOf } from '../context.ts'
import { exitCodes } from '../exit-codes.ts'
import { done, failed } from '../outcome.ts'

/** Longer than an answer takes under load, shorter than what asks (a container's health check) waits. */
const answerMaxMs = 4000

export function healthCommand(context: CliContext): Command {
  return new Command('health')
    .description('exit 0 where the server of this data folder can do its work, else say why not')
    .addHelpText('after', '\nExample:\n  starling health --data-dir ./data')
    .action(
      act(context, async (_options: object, command: Command) => {
        const server = serverOf(context, command)
        if ('kind' in server) return server
        try {
          const signal = AbortSignal.timeout(answerMaxMs)
          const response = await fetch(`${server.url}/readyz`, { signal })
          const body = (await response.json()) as { status?: unknown; detail?: unknown }
          if (response.ok) return done(body, 'ready')
          return failed(exitCodes.unreachable, `not ready: ${String(body.detail)}`)
        } catch (error) {
          const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
          return failed(
            exitCodes.unreachable,
            `no server answers at ${server.url}: ${cause instanceof Error ? cause.message : String(cause)}`,
          )
        }
      }),
    )
}
