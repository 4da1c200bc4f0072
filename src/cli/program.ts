import { Command } from 'commander'
import { version } from '../api/version.ts'
import { applyCommand } from './commands/apply.ts'
import { backupCommand } from './commands/backup.ts'
import { bouncesCommand } from './commands/bounces.ts'
import { broadcastCommand } from './commands/broadcast.ts'
import { campaignCommand } from './commands/campaign.ts'
import { couponsCommand } from './commands/coupons.ts'
import { deadLettersCommand } from './commands/dead-letters.ts'
import { decideCommand } from './commands/decide.ts'
import { doctorCommand } from './commands/doctor.ts'
import { evaluateCommand } from './commands/evaluate.ts'
import { eventsCommand } from './commands/events.ts'
import { explainCommand } from './commands/explain.ts'
import { healthCommand } from './commands/health.ts'
import { importCommand } from './commands/import.ts'
import { itemsCommand } from './commands/items.ts'
import { killSwitchCommand } from './commands/kill-switch.ts'
import { migrateStoreCommand } from './commands/migrate-store.ts'
import { policyCommand } from './commands/policy.ts'
import { previewCommand } from './commands/preview.ts'
import { rehearseCommand } from './commands/rehearse.ts'
import { reportCommand } from './commands/report.ts'
import { resolveCommand } from './commands/resolve.ts'
import { restoreCommand } from './commands/restore.ts'
import { scoreCommand } from './commands/score.ts'
import { segmentCommand } from './commands/segment.ts'
import { sendModeCommand } from './commands/send-mode.ts'
import { serveCommand } from './commands/serve.ts'
import { statusCommand } from './commands/status.ts'
import { suppressionsCommand } from './commands/suppressions.ts'
import { templateCommand } from './commands/template.ts'
import { trainCommand } from './commands/train.ts'
import { vapidKeyCommand } from './commands/vapid-key.ts'
import { verifyCommand } from './commands/verify.ts'
import { webhooksCommand } from './commands/webhooks.ts'
import type { CliContext } from './context.ts'

/** Every command there is. */
export function createProgram(context: CliContext): Command {
  const program = new Command('starling')
    .description('For every customer and every moment, the best next thing to do.')
    .version(version)
    .option('--json', 'print JSON, for programs')
    .option('--data-dir <folder>', 'the data folder (STARLING_DATA_DIR, dataDir in starling.yaml)')
    .addHelpText(
      'after',
      '\nCommands find the server of this machine by its data folder, another by STARLING_URL and STARLING_ADMIN_KEY.\nExit codes: 0 done, 64 command line, 65 data, 69 no server, 70 internal, 73 folder in use, 78 settings.',
    )
  for (const command of [
    serveCommand,
    applyCommand,
    campaignCommand,
    broadcastCommand,
    decideCommand,
    reportCommand,
    eventsCommand,
    explainCommand,
    evaluateCommand,
    policyCommand,
    templateCommand,
    rehearseCommand,
    importCommand,
    segmentCommand,
    suppressionsCommand,
    itemsCommand,
    couponsCommand,
    previewCommand,
    trainCommand,
    scoreCommand,
    statusCommand,
    healthCommand,
    doctorCommand,
    killSwitchCommand,
    sendModeCommand,
    resolveCommand,
    deadLettersCommand,
    webhooksCommand,
    vapidKeyCommand,
    verifyCommand,
    backupCommand,
    restoreCommand,
    bouncesCommand,
    migrateStoreCommand,
  ]) {
    program.addCommand(command(context))
  }
  beStrict(program)
  return program
}

/** Faults of the command line become an error instead of an exit, and name the help. */
function beStrict(command: Command): void {
  command
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError(`(${fullName(command)} --help says how)`)
  for (const inner of command.commands) beStrict(inner)
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`
}
