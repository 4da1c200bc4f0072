import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { ownFolder } from '#platform/folder-owner.ts'
import { backupFiles } from '../../pipeline/back-up.ts'
import { restoreFolder } from '../../pipeline/restore.ts'
import { act, type CliContext, dataDirOf } from '../context.ts'
import { exitCodes } from '../exit-codes.ts'
import { done, failed } from '../outcome.ts'

export function restoreCommand(context: CliContext): Command {
  return new Command('restore')
    .description('put a backup back into the data folder; the server must not run')
    .argument('<folder>', 'a folder that `starling backup` has made')
    .option('--replace', 'also where the data folder holds data: they are lost')
    .option('--hold', 'turn the kill switch on, so that nothing is sent before you have looked')
    .addHelpText('after', '\nExample:\n  starling restore /var/backups/starling/2026-11-21 --replace --hold')
    .action(
      act(
        context,
        async (folder: string, options: { replace?: boolean; hold?: boolean }, command: Command) => {
          const dataDir = dataDirOf(context, command)
          if (typeof dataDir !== 'string') return dataDir
          const from = resolve(context.folder, folder)
          const missing = backupFiles.filter((file) => !existsSync(join(from, file)))
          if (missing.length > 0) {
            return failed(
              exitCodes.data,
              `${from} is no backup: it lacks ${missing.join(' and ')}`,
              'Name a folder that starling backup has made.',
            )
          }
          const owner = ownFolder(dataDir)
          if (owner.kind === 'taken') return failed(exitCodes.folderInUse, owner.message)
          try {
            const isHeld = existsSync(join(dataDir, 'store.db'))
            if (isHeld && options.replace !== true) {
              return failed(
                exitCodes.data,
                `${dataDir} holds data already`,
                'Give --replace to lose them, or another --data-dir.',
              )
            }
            const result = await restoreFolder(from, dataDir, { hold: options.hold === true })
            if (result.kind === 'refused')
              return failed(exitCodes.data, result.reason, 'Take another backup.')
            const { queued } = result
            const warning =
              queued > 0 && options.hold !== true
                ? `\n${queued} messages were queued when it was made: those sent since then will be sent again. --hold lets you look first.`
                : ''
            return done(
              { dataDir, queued, held: options.hold === true },
              `Restored ${from} to ${dataDir}.${warning}`,
            )
          } finally {
            owner.release()
          }
        },
      ),
    )
}
