import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'

const root = join(import.meta.dirname, '../..')
const run = promisify(execFile)

/** A broker that a test may kill. */
export interface OwnKafka {
  brokers: string[]
  /** Resolves when the process is gone. */
  kill(): Promise<void>
  /** Starts it again after a kill; resolves when it takes requests. */
  start(): Promise<void>
  remove(): Promise<void>
}

export async function startOwnKafka(): Promise<OwnKafka> {
  const folder = mkdtempSync(join(tmpdir(), 'starling-own-kafka-'))
  const services = async (command: string): Promise<void> => {
    await run(join(root, 'scripts/services'), [command, 'kafka'], {
      env: { ...process.env, STARLING_SERVICES_DIR: folder },
    })
  }
  const read = (name: string): string => readFileSync(join(folder, 'kafka', name), 'utf8').trim()
  // The jars are there where `scripts/services up` has run; a second copy costs 54 MB and a download.
  const jars = join(process.env.STARLING_SERVICES_DIR ?? join(root, '.services'), 'kafka/libs')
  mkdirSync(join(folder, 'kafka'))
  if (existsSync(jars)) symlinkSync(jars, join(folder, 'kafka/libs'))
  await services('up')
  return {
    brokers: [`127.0.0.1:${read('port')}`],
    async kill() {
      const pid = Number(read('pid'))
      process.kill(pid, 'SIGKILL')
      while (isAlive(pid)) await wait(10)
    },
    start: () => services('up'),
    async remove() {
      await services('down')
      rmSync(folder, { recursive: true })
    },
  }
}

/** A zombie, which nobody waits for in a container without an init, is dead (proc(5), field 3). */
function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}
