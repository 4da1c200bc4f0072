import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from '#contracts/logger.ts'

/** Long enough to leave a full disk or a lost database alone, short enough to be back when it is. */
const backOffMs = 1000

/** What a role's loop is run with. */
export interface RoleRun {
  /** Ends the loop after the step under way. */
  stop: AbortSignal
  /** Called after each step that succeeded: the role is alive. */
  beat(): void
}

/**
 * Repeats a role's step until told to stop. A step that fails (a full disk, a database that went away) has
 * changed nothing: it is logged and tried again after a pause, since a role that ends takes the process along.
 */
export async function keepGoing(
  logger: Logger,
  { stop, beat }: RoleRun,
  step: () => Promise<void>,
): Promise<void> {
  while (!stop.aborted) {
    try {
      await step()
      beat()
    } catch (error) {
      logger.error('a step failed and will be tried again', {
        error: error instanceof Error ? error.stack : String(error),
      })
      await wait(backOffMs, undefined, { signal: stop }).catch(() => undefined)
    }
  }
}
