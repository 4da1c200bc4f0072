import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export type ServiceName = 'postgres' | 'kafka' | 'redis'

/** Kafka, PostgreSQL (durable) and Redis of this run alone, in a folder of their own. */
export interface OwnServices {
  port(name: ServiceName): number
  /** Where Kafka listens for the proxy; the proxy has to listen one higher. */
  bywayPort(): number
  /** Ends the service by this signal; resolves when its process is gone. */
  end(name: ServiceName, signal: NodeJS.Signals): Promise<void>
  /** Starts it again on the same port and data; resolves when it is ready. */
  bringBack(name: ServiceName): Promise<void>
  destroy(): Promise<void>
}

const script = fileURLToPath(new URL('../../../scripts/services', import.meta.url))
const run = promisify(execFile)
/** The first start installs packages and brings Kafka's jars. */
const firstStartMsMax = 600_000
const lookEveryMs = 20

export async function startOwnServices(): Promise<OwnServices> {
  const folder = await mkdtemp(join(tmpdir(), 'starling-faults-services-'))
  const services = (...words: string[]) =>
    run(script, words, {
      env: { ...process.env, STARLING_SERVICES_DIR: folder },
      timeout: firstStartMsMax,
    })
  const read = (name: ServiceName, file: string): number =>
    Number(readFileSync(join(folder, name, file), 'utf8'))
  const destroy = async (): Promise<void> => {
    await services('destroy')
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await services('up')
  } catch (error) {
    await destroy()
    throw error
  }
  return {
    port: (name) => read(name, 'port'),
    bywayPort: () => read('kafka', 'byway-port'),
    async end(name, signal) {
      const pid = read(name, 'pid')
      process.kill(pid, signal)
      while (isAlive(pid)) await wait(lookEveryMs)
    },
    async bringBack(name) {
      await services('up', name)
    },
    destroy,
  }
}

/** A zombie is dead: where the first process of a container reaps nobody, it stays. */
function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
