import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'

/** `node src/main.ts` as a child, killed and started again on the same folder and port. */
export interface ServerProcess {
  readonly url: string
  /** Resolves when it serves. */
  start(): Promise<void>
  /** Resolves once the process has begun, long before it serves. */
  spawn(): void
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** SIGTERM; resolves to its exit code. */
  stop(): Promise<number | null>
}

export const writeKey = 'faults:write-secret'
export const adminKey = 'faults:admin-secret'

const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))

export async function createServerProcess(options: {
  dataDir: string
  smtpPort: number
}): Promise<ServerProcess> {
  const port = await freePort()
  const env = {
    ...process.env,
    STARLING_DATA_DIR: options.dataDir,
    STARLING_PORT: String(port),
    STARLING_WRITE_KEY: writeKey,
    STARLING_ADMIN_KEY: adminKey,
    STARLING_SMTP_URL: `smtp://127.0.0.1:${options.smtpPort}`,
    STARLING_SEND_MODE: 'live',
    STARLING_SENDS_IN_FLIGHT_MAX: '32',
  }
  let child: ChildProcess | null = null
  let output = ''
  const begin = (): ChildProcess => {
    const begun = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    output = ''
    for (const stream of [begun.stdout, begun.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-20_000)
      })
    }
    child = begun
    return begun
  }
  return {
    url: `http://127.0.0.1:${port}`,
    spawn: begin,
    async start() {
      const begun = begin()
      await new Promise<void>((resolve, reject) => {
        begun.stdout?.on('data', () => {
          if (output.includes('Starling is ready')) resolve()
        })
        begun.once('exit', (code, signal) =>
          reject(new Error(`the server ended (${code ?? signal}) before it served:\n${output}`)),
        )
      })
    },
    async kill() {
      if (child === null) throw new Error('nothing runs')
      const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined
      child.kill('SIGKILL')
      await ended
      if (child.signalCode !== 'SIGKILL') {
        throw new Error(`the server had ended by itself (${child.exitCode ?? child.signalCode}):\n${output}`)
      }
      child = null
    },
    async stop() {
      if (child === null) return null
      const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined
      child.kill('SIGTERM')
      await ended
      const { exitCode } = child
      if (exitCode !== 0) process.stderr.write(`${output}\n`)
      child = null
      return exitCode
    },
  }
}

/** A port that nobody uses now; the server keeps it through all its restarts. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
