import type { Command } from 'commander'
import { readConfig } from '../config.ts'
import { exitCodes } from './exit-codes.ts'
import { type Failure, failed, type Outcome, type Output, tell } from './outcome.ts'
import {
  type Answer,
  callServer,
  findServer,
  noServer,
  type RequestBody,
  type ServerAddress,
} from './server-call.ts'

/** What the process gives a command. */
export interface CliContext extends Output {
  environment: NodeJS.ProcessEnv
  folder: string
  /** Whether progress can be shown on stderr. */
  isTerminal: boolean
  exit(code: number): void
}

export interface GlobalOptions {
  json?: boolean
  dataDir?: string
}

/** Runs a command's work, prints what it came to, and sets the exit code. */
export function act<Args extends unknown[]>(
  context: CliContext,
  work: (...args: Args) => Promise<Outcome>,
): (...args: Args) => Promise<void> {
  return async (...args) => {
    const command = args.at(-1) as Command
    const isJson = command.optsWithGlobals<GlobalOptions>().json === true
    let outcome: Outcome
    try {
      outcome = await work(...args)
    } catch (error) {
      outcome = failed(
        exitCodes.internal,
        error instanceof Error ? (error.stack ?? error.message) : String(error),
      )
    }
    context.exit(tell(outcome, isJson, context))
  }
}

/** The data folder that the options, the environment or the settings file name. */
export function dataDirOf(context: CliContext, command: Command): string | Failure {
  const { dataDir } = command.optsWithGlobals<GlobalOptions>()
  if (dataDir !== undefined) return dataDir
  const result = readConfig(context.environment, context.folder)
  if (result.kind === 'config') return result.config.dataDir
  return failed(
    exitCodes.config,
    `the settings do not fit:\n${result.faults.map((own) => `  ${own}`).join('\n')}`,
  )
}

export function serverOf(context: CliContext, command: Command): ServerAddress | Failure {
  const dataDir = dataDirOf(context, command)
  if (typeof dataDir !== 'string') return dataDir
  return findServer(context.environment, dataDir) ?? noServer(dataDir)
}

/** One call of the running server, found as the command's options say. */
export async function ask<T>(
  context: CliContext,
  command: Command,
  method: string,
  path: string,
  body?: RequestBody,
): Promise<Answer<T>> {
  const server = serverOf(context, command)
  return 'kind' in server ? server : callServer<T>(server, method, path, body)
}
