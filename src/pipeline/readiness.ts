import type { Clock } from '#contracts/clock.ts'
import type { EventLog } from '#contracts/event-log.ts'
import type { Store } from '#platform/store/store.ts'
import type { Pulse } from '#platform/threads/pulse.ts'
import { type RoleName, roleNames } from '../config.ts'

export interface Readiness {
  /** Why this process cannot do its work now, in words; null when it can. */
  reason(): string | null
  /** From now on the process is not ready: it is ending. */
  stop(): void
}

export interface ReadinessParts {
  store: Store
  /** Left out where the process has no door: its roles' pulses tell. */
  log?: EventLog | undefined
  /** Of the roles, each at its place among `roleNames`. */
  pulse: Pulse
  roles: readonly RoleName[]
  wallClock: Clock
}

const askEveryMs = 2000
/** Without an answer for so long, a component counts as away: several questions were missed. */
const silentMs = 7000
/** Longer than a role's longest step under load, a provider's time-out among them. */
const stillMs = 60_000

/**
 * Asks the store and the log in the background, so that an answer of `/readyz` never waits for them, and
 * looks at the roles' pulses: a role that is stuck is not ready, however well its process answers.
 */
export function createReadiness(parts: ReadinessParts): Readiness {
  const { store, log, pulse, roles, wallClock } = parts
  const startedAt = wallClock.now()
  let stopping = false
  const components = [
    ask('the store', () => store.read.system.selectFrom('workspaces').select('workspace').limit(1).execute()),
    ...(log === undefined ? [] : [ask('the event log', () => log.ends())]),
  ]

  function ask(name: string, question: () => Promise<unknown>) {
    const component = { name, answeredAt: 0, fault: '', asking: false }
    const askNow = async (): Promise<void> => {
      if (component.asking) return
      component.asking = true
      try {
        await question()
        component.answeredAt = wallClock.now()
        component.fault = ''
      } catch (error) {
        component.fault = error instanceof Error ? error.message : String(error)
      } finally {
        component.asking = false
      }
    }
    void askNow()
    const timer = setInterval(askNow, askEveryMs)
    timer.unref()
    return { component, stop: () => clearInterval(timer) }
  }

  return {
    reason() {
      if (stopping) return 'the process is ending'
      const now = wallClock.now()
      for (const { component } of components) {
        const { name, answeredAt, fault } = component
        if (fault !== '') return `${name} does not answer: ${fault}`
        if (now - Math.max(answeredAt, startedAt) > silentMs) return `${name} does not answer`
        if (answeredAt === 0) return `${name} has not answered yet`
      }
      for (const role of roles) {
        // The doors have no loop to beat in: that they answer is their pulse.
        if (role === 'api') continue
        const last = pulse.last(roleNames.indexOf(role))
        if (last === 0) return `the ${role} has not started yet`
        if (now - last > stillMs)
          return `the ${role} has done nothing for ${Math.round((now - last) / 1000)} s`
      }
      return null
    },
    stop() {
      stopping = true
      for (const { stop } of components) stop()
    },
  }
}
