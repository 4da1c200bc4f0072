/** Remembers which methods each path takes, to tell 405 from 404. */
export interface AllowedMethods {
  add(method: string | string[], path: string): void
  /** Methods of the routes that a path fits; empty when there is nothing at all. */
  of(path: string): string[]
}

export function createAllowedMethods(): AllowedMethods {
  const routes: { pattern: RegExp; methods: string[] }[] = []
  return {
    add(method, path) {
      routes.push({ pattern: patternOf(path), methods: [method].flat() })
    },
    of(path) {
      const methods = routes.filter((route) => route.pattern.test(path)).flatMap((route) => route.methods)
      return [...new Set(methods)].sort()
    },
  }
}

/** `/a/:id` and `/a/*` as fastify reads them; a bare `*` (everything's fallback) fits nothing. */
function patternOf(path: string): RegExp {
  if (path === '*' || path === '/*') return /^$/
  const parts = path.split('/').map((part) => {
    if (part.startsWith(':')) return '[^/]+'
    return part === '*' ? '.*' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('/')}$`)
}
