import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Doors } from './doors.ts'
import { sendFault } from './problem.ts'

/**
 * Pages for people. A server that only this machine can reach shows them without a key; any other asks for
 * the admin key by HTTP Basic (any user name, the key as password). Answers whose pages are shown.
 */
export function pageAccess({ config, auth }: Pick<Doors, 'config' | 'auth'>) {
  const isOpen = isLoopback(config.host) && config.publicUrl === undefined
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    // A page of another site whose name was pointed at this machine carries its own name in Host.
    if (isOpen && isLoopback(hostNameOf(request.headers.host))) {
      request.setDecorator('principal', { workspace: config.workspace, kind: 'admin', name: 'this machine' })
      return undefined
    }
    const key = passwordOf(request.headers.authorization)
    const principal = key === null ? null : await auth.find(key, 'admin')
    if (principal === null) {
      return sendFault(reply, { code: 'invalid_key', detail: 'any user name, and an admin key as password' })
    }
    request.setDecorator('principal', principal)
    return undefined
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** Of `localhost:8420` or `[::1]:8420`. */
function hostNameOf(host: string | undefined): string {
  return (host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
}

/** Keys may hold a colon themselves: all behind the first is the password. */
function passwordOf(authorization: string | undefined): string | null {
  const encoded = /^Basic +(\S+)$/i.exec(authorization ?? '')?.[1]
  if (encoded === undefined) return null
  const decoded = Buffer.from(encoded, 'base64').toString()
  const colon = decoded.indexOf(':')
  return colon < 0 || colon === decoded.length - 1 ? null : decoded.slice(colon + 1)
}
