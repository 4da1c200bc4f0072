import { registerHooks } from 'node:module'

/**
 * `node --import …/hook.ts src/main.ts`: the server's engine clock, in all of its threads, is the fast one. The
 * wall clock stays what it is: leases, back-off and rate limits go by it.
 */
const fast = new URL('fast-clock.ts', import.meta.url).href

registerHooks({
  resolve(specifier, context, nextResolve) {
    const resolved = nextResolve(specifier, context)
    return resolved.url.endsWith('/platform/clock/engine-clock.ts') ? { ...resolved, url: fast } : resolved
  },
})
