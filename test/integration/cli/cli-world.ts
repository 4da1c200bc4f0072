import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../../../bin/starling.js', import.meta.url))

export interface Ran {
  code: number
  stdout: string
  stderr: string
  /** What stdout says, as JSON. */
  json(): Record<string, never>
}

export interface CliWorld {
  folder: string
  dataDir: string
  /** Runs the bin to its end, in a folder of its own. */
  run(args: string[], options?: { environment?: Record<string, string>; input?: string }): Promise<Ran>
  /** Starts the server with the bin; resolves to its address. */
  serve(environment?: Record<string, string>): Promise<string>
  stop(signal?: NodeJS.Signals): Promise<number | null>
  close(): Promise<void>
}

/** Until the server has stored all that it acknowledged. */
export async function untilStored(url: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${url}/api/v1/status`, {
      headers: { authorization: 'Bearer cli-admin-key' },
    })
    if (((await response.json()) as { logLag: number }).logLag === 0) return
  }
}

export function openCliWorld(): CliWorld {
  const folder = mkdtempSync(join(tmpdir(), 'starling-cli-'))
  const dataDir = join(folder, 'data')
  let server: ChildProcess | null = null
  const start = (args: string[], environment: Record<string, string> = {}): ChildProcess => {
    const { PATH = '', NODE_COMPILE_CACHE = '' } = process.env
    const env = { PATH, NODE_COMPILE_CACHE, STARLING_DATA_DIR: dataDir, ...environment }
    return spawn(process.execPath, [bin, ...args], { cwd: folder, env })
  }
  const world: CliWorld = {
    folder,
    dataDir,
    async run(args, { environment, input } = {}) {
      const child = start(args, environment)
      child.stdin?.end(input ?? '')
      let stdout = ''
      let stderr = ''
      child.stdout?.on('data', (data) => {
        stdout += data
      })
      child.stderr?.on('data', (data) => {
        stderr += data
      })
      const [code] = (await once(child, 'close')) as [number]
      return { code, stdout, stderr, json: () => JSON.parse(stdout) }
    },
    async serve(environment) {
      server = start(['serve', '--port', '0', '--json'], {
        STARLING_WRITE_KEY: 'cli-write-key',
        STARLING_ADMIN_KEY: 'cli-admin-key',
        ...environment,
      })
      let stderr = ''
      server.stderr?.on('data', (data) => {
        stderr += data
      })
      const ended = once(server, 'exit').then(() => {
        throw new Error(`the server ended: ${stderr}`)
      })
      const [line] = (await Promise.race([once(server.stdout as NodeJS.ReadableStream, 'data'), ended])) as [
        Buffer,
      ]
      ended.catch(() => {})
      return (JSON.parse(line.toString()) as { url: string }).url
    },
    async stop(signal = 'SIGTERM') {
      if (server === null) return null
      const own = server
      server = null
      if (own.exitCode !== null) return own.exitCode
      const exited = once(own, 'exit')
      own.kill(signal)
      return ((await exited) as [number | null])[0]
    },
    async close() {
      await world.stop('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return world
}
