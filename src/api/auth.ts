import { hash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '#contracts/clock.ts'
import { sendFault } from './problem.ts'

type KeyKind = 'write' | 'admin'

/** Whom a key stands for. The credential carries the workspace; no argument does. */
export interface Principal {
  workspace: string
  kind: KeyKind
  /** The key's name, which stands as the actor in the audit. */
  name: string
}

export interface KeysPort {
  /** By SHA-256 of the key in hex: the key itself is nowhere at rest. */
  lookup(keyHash: string): Promise<Principal | null>
}

export interface Auth {
  /** Null when the key is unknown or of the other kind. */
  find(key: string, kind: KeyKind): Promise<Principal | null>
}

export function hashKey(key: string): string {
  return hash('sha256', key, 'hex')
}

/** A revoked key is refused at the latest after this. */
const CACHE_MS = 10_000
const CACHE_ENTRIES_MAX = 1000

/** Known keys are kept for a moment; unknown ones are looked up each time, so that a new key works at once. */
export function createAuth({ keys, wallClock }: { keys: KeysPort; wallClock: Clock }): Auth {
  const known = new Map<string, { principal: Principal; until: number }>()
  return {
    async find(key, kind) {
      const now = wallClock.now()
      const cached = known.get(key)
      if (cached !== undefined && cached.until > now) {
        return cached.principal.kind === kind ? cached.principal : null
      }
      const principal = await keys.lookup(hashKey(key))
      known.delete(key)
      if (principal === null) return null
      if (known.size >= CACHE_ENTRIES_MAX) known.delete(known.keys().next().value ?? '')
      known.set(key, { principal, until: now + CACHE_MS })
      return principal.kind === kind ? principal : null
    },
  }
}

/**
 * The write key that the headers carry: Basic's user name, else X-Write-Key. Keys may have the form
 * `id:secret`; clients write a colon behind the whole, people give the halves as user and password.
 */
export function writeKeyOfHeaders(headers: FastifyRequest['headers']): string | null {
  const basic = basicCredential(headers.authorization)
  if (basic !== null && basic !== '') return basic
  const header = headers['x-write-key']
  return typeof header === 'string' && header !== '' ? header : null
}

/** Whose key the headers carry, of either kind: for a product's server. */
export async function keyPrincipal(
  auth: Auth,
  headers: FastifyRequest['headers'],
): Promise<Principal | null> {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
  const key = bearer ?? writeKeyOfHeaders(headers)
  if (key === null || key === '') return null
  return (await auth.find(key, 'admin')) ?? (await auth.find(key, 'write'))
}

/** An `onRequest` hook: lets an admin key pass (Bearer, or Basic) and remembers whose it is. */
export function requireAdmin(auth: Auth) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const { authorization } = request.headers
    const bearer = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
    const key = bearer ?? basicCredential(authorization)
    const principal = key === null || key === '' ? null : await auth.find(key, 'admin')
    if (principal === null) {
      return sendFault(reply, { code: 'invalid_key', detail: 'give an admin key: Authorization: Bearer …' })
    }
    request.setDecorator('principal', principal)
    return undefined
  }
}

/** Behind `requireAdmin` only. */
export function principalOf(request: FastifyRequest): Principal {
  return request.getDecorator<Principal>('principal')
}

function basicCredential(authorization: string | undefined): string | null {
  const encoded = /^Basic +(\S+)$/i.exec(authorization ?? '')?.[1]
  if (encoded === undefined) return null
  const decoded = Buffer.from(encoded, 'base64').toString()
  return decoded.endsWith(':') ? decoded.slice(0, -1) : decoded
}
