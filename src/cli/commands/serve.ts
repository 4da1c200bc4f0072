import { once } from 'node:events'
import { Command } from 'commander'
import { readConfig } from '../../config.ts'
import { act, type CliContext, type GlobalOptions } from '../context.ts'
import { exitCodes } from '../exit-codes.ts'
import { done, failed } from '../outcome.ts'

interface ServeOptions extends GlobalOptions {
  host?: string
  port?: string
  roles?: string
}

export function serveCommand(context: CliContext): Command {
  return new Command('serve')
    .description('run the server until it is told to stop (Ctrl-C)')
    .option('--host <address>', 'address to listen on (STARLING_HOST)')
    .option('--port <number>', 'port, 0 for a free one (STARLING_PORT)')
    .option('--roles <list>', 'roles to play: api,worker,sender,strategist (STARLING_ROLES)')
    .addHelpText('after', '\nExample:\n  starling serve --data-dir ./data --port 8420')
    .action(
      act(context, async (_options: ServeOptions, command: Command) => {
        const { host, port, roles, dataDir, json } = command.optsWithGlobals<ServeOptions>()
        const result = readConfig(
          {
            ...context.environment,
            ...(host === undefined ? {} : { STARLING_HOST: host }),
            ...(port === undefined ? {} : { STARLING_PORT: port }),
            ...(roles === undefined ? {} : { STARLING_ROLES: roles }),
            ...(dataDir === undefined ? {} : { STARLING_DATA_DIR: dataDir }),
          },
          context.folder,
        )
        if (result.kind === 'faults') {
          const faults = result.faults.map((fault) => `  ${fault}`).join('\n')
          return failed(exitCodes.config, `the settings do not fit:\n${faults}`)
        }
        // Loaded here: no other command needs the engine.
        const { serve } = await import('../../serve.ts')
        const started = await serve(result.config)
        if (started.kind === 'refused') return failed(started.exitCode, started.reason)
        const { server } = started
        context.stdout(json === true ? `${JSON.stringify({ url: server.url })}\n` : `${server.greeting}\n`)
        await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
        if (await server.close()) return done({ stopped: true }, '')
        // What holds it up would hold up the process too.
        context.stderr(`what was under way did not end within ${result.config.drainMaxMs} ms\n`)
        process.exit(exitCodes.drainTooLong)
      }),
    )
}
