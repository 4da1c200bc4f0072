import { CommanderError } from 'commander'
import type { CliContext } from './context.ts'
import { exitCodes } from './exit-codes.ts'
import { createProgram } from './program.ts'

const context: CliContext = {
  environment: process.env,
  folder: process.cwd(),
  isTerminal: process.stderr.isTTY === true,
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  // Not process.exit: what was printed into a pipe must get out first.
  exit: (code) => {
    process.exitCode = code
  },
}

try {
  await createProgram(context).parseAsync(process.argv)
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
}
