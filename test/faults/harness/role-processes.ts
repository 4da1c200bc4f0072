import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Random } from '#contracts/random.ts'
import { createServerProcess, freePort, type ServerProcess } from './server-process.ts'

export type Role = 'api' | 'worker' | 'sender' | 'strategist'

export interface RoleProcess extends ServerProcess {
  name: string
  role: Role
}

/** The roles as processes of their own, each with its folder and port. */
export interface RoleProcesses {
  all: readonly RoleProcess[]
  doors: string[]
  startAll(): Promise<void>
  /** One of a role. */
  pick(role: Role, random: Random): RoleProcess
  /** Resolves when each says that it is ready: to null, or to why one is not where that takes too long. */
  ready(): Promise<string | null>
  /** Starts what has ended by itself, and names it. */
  revive(): Promise<string[]>
  /** How often any of them has printed a line with this text. */
  printed(text: string): number
  /** SIGTERM for all at once; names those whose exit code is not 0. */
  stopAll(): Promise<string[]>
}

const plan: readonly Role[] = ['api', 'api', 'worker', 'worker', 'sender', 'sender', 'strategist']
/** What a worker says when it finds that its partition has gone on without it. */
export const fencedText = 'is no longer at offset'
/** What a worker says after each rebalance. */
export const assignedText = 'partitions assigned'
const readyMsMax = 45_000
const lookEveryMs = 100

export async function createRoleProcesses(options: {
  folder: string
  logs: string | undefined
  /** Of every process; `ofRole` has what differs. */
  env: (dataDir: string) => Record<string, string>
  ofRole: (role: Role) => Record<string, string>
}): Promise<RoleProcesses> {
  const { folder, logs, env, ofRole } = options
  const all: RoleProcess[] = []
  for (const [index, role] of plan.entries()) {
    const number = plan.slice(0, index + 1).filter((own) => own === role).length
    const name = `${role}-${number}`
    const server = createServerProcess({
      env: { ...env(join(folder, name)), ...ofRole(role), STARLING_ROLES: role },
      port: await freePort(),
      logFile: logs === undefined ? undefined : join(logs, `${name}.log`),
      countedTexts: [fencedText, assignedText],
    })
    all.push(Object.assign(server, { name, role }))
  }
  return {
    all,
    doors: all.filter(({ role }) => role === 'api').map(({ url }) => url),
    async startAll() {
      // The first makes the topics, which the others look for.
      const [first, ...others] = all
      await first?.start()
      await Promise.all(others.map((other) => other.start()))
    },
    pick(role, random) {
      const own = all.filter((process) => process.role === role)
      return own[Math.floor(random.next() * own.length)] as RoleProcess
    },
    async ready() {
      const until = Date.now() + readyMsMax
      for (const { url, name } of all) {
        for (;;) {
          const reason = await whyNotReady(url)
          if (reason === null) break
          if (Date.now() > until) return `${name} is not ready: ${reason}`
          await wait(lookEveryMs)
        }
      }
      return null
    },
    async revive() {
      const ended: string[] = []
      for (const process of all) {
        const how = process.endedByItself()
        if (how === null) continue
        ended.push(`${process.name} ended by itself: ${how}`)
        await process.start()
      }
      return ended
    },
    printed: (text) => all.reduce((sum, process) => sum + process.printed(text), 0),
    async stopAll() {
      const codes = await Promise.all(all.map((process) => process.stop()))
      return all.flatMap(({ name }, index) => (codes[index] === 0 ? [] : [`${name} (${codes[index]})`]))
    },
  }
}

async function whyNotReady(url: string): Promise<string | null> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) })
    return response.status === 200 ? null : await response.text()
  } catch (error) {
    return String(error)
  }
}
