import { expect, test } from 'vitest'
import type { CliContext } from '../../../src/cli/context.ts'
import { createProgram } from '../../../src/cli/program.ts'

const context: CliContext = {
  environment: {},
  folder: '/nowhere',
  isTerminal: false,
  stdout: () => true,
  stderr: () => true,
  exit: () => {},
}

test('every command has help with an example, and says how to get JSON', () => {
  const { commands } = createProgram(context)
  expect(commands.length).toBeGreaterThan(12)
  for (const command of commands) {
    let help = ''
    command.configureOutput({ writeOut: (text) => (help += text) })
    command.outputHelp()
    expect(help).toContain(`Example:\n  starling ${command.name()}`)
    expect(help).toContain('--json')
  }
})
