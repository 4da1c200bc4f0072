import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Command } from 'commander'
import { act, type CliContext, serverOf } from '../context.ts'
import { exitCodes } from '../exit-codes.ts'
import { importCsv } from '../import-csv.ts'
import { done, failed, type Outcome } from '../outcome.ts'
import { fetchBody, type ServerAddress } from '../server-call.ts'

export function suppressionsCommand(context: CliContext): Command {
  const suppressions = new Command('suppressions')
    .description('addresses not to be written to, as CSV')
    .addHelpText('after', '\nExample:\n  starling suppressions export suppressions.csv')
  suppressions
    .command('export')
    .description('write all of them to a file')
    .argument('<file>', 'channel,address,reason,detail,createdAt')
    .addHelpText('after', '\nExample:\n  starling suppressions export suppressions.csv')
    .action(
      act(context, async (file: string, _options: object, command: Command) => {
        const server = serverOf(context, command)
        return 'kind' in server ? server : exportFile(server, file)
      }),
    )
  suppressions
    .command('import')
    .description('add those of a file; in force line by line as it goes')
    .argument('<file>', 'channel,address, and as exported: reason,detail,createdAt')
    .addHelpText('after', '\nExample:\n  starling suppressions import suppressions.csv')
    .action(
      act(context, async (file: string, _options: object, command: Command) => {
        const server = serverOf(context, command)
        return 'kind' in server
          ? server
          : importCsv(context, server, { what: 'suppressions', path: '/imports/suppressions', file })
      }),
    )
  return suppressions
}

/** Under another name until it is whole: half a list of suppressions looks like all of it. */
async function exportFile(server: ServerAddress, file: string): Promise<Outcome> {
  const body = await fetchBody(server, '/exports/suppressions')
  if ('kind' in body) return body
  const unfinished = `${file}.part`
  try {
    await pipeline(Readable.fromWeb(body), createWriteStream(unfinished))
    await rename(unfinished, file)
  } catch (error) {
    await rm(unfinished, { force: true })
    return failed(exitCodes.data, `cannot write ${file}: ${error instanceof Error ? error.message : error}`)
  }
  return done({ file }, `Suppressions are in ${file}.`)
}
