import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** `node src/main.ts` as a child, killed and started again on the same folder and port. */
export interface ServerProcess {
  readonly url: string
  /** Of the child that runs now. */
  pid(): number
  /** Resolves when it serves. */
  start(): Promise<void>
  /** Resolves once the process has begun, long before it serves. */
  spawn(): void
  /** SIGSTOP and SIGCONT: it keeps its connections and does nothing meanwhile. */
  pause(): void
  goOn(): void
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** SIGTERM; resolves to its exit code. */
  stop(): Promise<number | null>
  /** How it ended though nobody asked it to; null while it runs, or was ended. */
  endedByItself(): string | null
  /** How often a line with this text has been printed since the first start. */
  printed(text: string): number
}

export interface ServerProcessOptions {
  env: Record<string, string>
  port: number
  /** Before the script: `--import` and the like. */
  nodeArguments?: readonly string[]
  /** Where all of its output goes too. */
  logFile?: string | undefined
  /** Lines to count. */
  countedTexts?: readonly string[]
}

export const writeKey = 'faults:write-secret'
export const adminKey = 'faults:admin-secret'

const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))
const outputKept = 20_000
/** What the two kinds of process say once they serve: with the role `api`, and without. */
const servesPattern = /Starling (?:is ready|works)/

export function createServerProcess(options: ServerProcessOptions): ServerProcess {
  const { port, logFile, countedTexts = [], nodeArguments = [] } = options
  const env = { ...foreignEnvironment(), ...options.env, STARLING_PORT: String(port) }
  const counts = new Map<string, number>(countedTexts.map((text) => [text, 0]))
  const log = logFile === undefined ? null : createWriteStream(logFile, { flags: 'a' })
  let child: ChildProcess | null = null
  let output = ''
  let onServing = (): void => {}
  const take = (text: string): void => {
    output = (output + text).slice(-outputKept)
    log?.write(text)
    if (servesPattern.test(text)) onServing()
    for (const [counted, count] of counts) counts.set(counted, count + text.split(counted).length - 1)
  }
  const begin = (): ChildProcess => {
    const begun = spawn(process.execPath, [...nodeArguments, main], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    output = ''
    for (const stream of [begun.stdout, begun.stderr]) {
      createInterface({ input: stream }).on('line', (line) => take(`${line}\n`))
    }
    child = begun
    return begun
  }
  const running = (): ChildProcess => {
    if (child === null) throw new Error('nothing runs')
    if (hasEnded(child)) {
      throw new Error(`the server had ended by itself (${child.exitCode ?? child.signalCode}):\n${output}`)
    }
    return child
  }
  return {
    url: `http://127.0.0.1:${port}`,
    pid: () => running().pid as number,
    spawn: begin,
    async start() {
      const begun = begin()
      await new Promise<void>((resolve, reject) => {
        onServing = resolve
        begun.once('exit', (code, signal) =>
          reject(new Error(`the server ended (${code ?? signal}) before it served:\n${output}`)),
        )
      })
    },
    pause: () => void running().kill('SIGSTOP'),
    goOn: () => void running().kill('SIGCONT'),
    async kill() {
      const killed = running()
      const ended = once(killed, 'exit')
      killed.kill('SIGKILL')
      await ended
      child = null
    },
    async stop() {
      if (child === null) return null
      const stopped = child
      const ended = hasEnded(stopped) ? undefined : once(stopped, 'exit')
      stopped.kill('SIGTERM')
      await ended
      if (stopped.exitCode !== 0) process.stderr.write(`${output}\n`)
      child = null
      return stopped.exitCode
    },
    endedByItself: () =>
      child !== null && hasEnded(child) ? `${child.exitCode ?? child.signalCode}:\n${output}` : null,
    printed: (text) => counts.get(text) ?? 0,
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** Without settings of Starling that the shell may have. */
function foreignEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^STARLING_|^DATABASE_URL$/.test(name)),
  )
}

/** What every process of a fault run is told. */
export function environmentOf(options: { dataDir: string; smtpPort: number }): Record<string, string> {
  return {
    STARLING_DATA_DIR: options.dataDir,
    STARLING_WRITE_KEY: writeKey,
    STARLING_ADMIN_KEY: adminKey,
    STARLING_SMTP_URL: `smtp://127.0.0.1:${options.smtpPort}`,
    STARLING_SEND_MODE: 'live',
    STARLING_SENDS_IN_FLIGHT_MAX: '32',
  }
}

/**
 * A port that nobody uses now; a server keeps it through all its restarts. Below the range that the system
 * hands to clients (from 32768 on): one of them could hold it while its server is down.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 30_000 + Math.floor(Math.random() * 2700)
    const probe = createServer()
    const listening = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false))
      probe.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!listening) continue
    probe.close()
    await once(probe, 'close')
    return port
  }
}
