import type { FastifyReply, FastifyRequest } from 'fastify'
import type { WorkspaceDb } from '#platform/store/store.ts'
import { customerOfToken } from '../pipeline/customer-of-token.ts'
import type { CustomerTokens, TokenHolder } from '../profile/customer-tokens.ts'
import type { ApiApp } from './api-app.ts'
import { sendFault } from './problem.ts'

/** Who asks: proven by a token that the product's server had made. */
export interface TokenPrincipal {
  holder: TokenHolder
  /** The wall clock's: a stream ends there. */
  expiresAtMs: number
}

export const customerSecurity = [{ customerToken: [] }]

/** Makes the paths of a scope the customers' own door: from any web page, with a customer token. */
export function openCustomerDoor(app: ApiApp, tokens: CustomerTokens): void {
  allowAnyPage(app)
  app.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    if (request.method === 'OPTIONS') return undefined
    const token = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
    const verdict = token === undefined ? null : await tokens.verify(token)
    if (verdict?.kind === 'holder') {
      request.setDecorator('principal', verdict satisfies TokenPrincipal)
      return undefined
    }
    return sendFault(
      reply,
      verdict?.reason === 'expired'
        ? { code: 'token_expired', detail: 'ask your server for a new customer token' }
        : { code: 'invalid_token', detail: 'give a customer token: Authorization: Bearer …' },
    )
  })
}

/** Tokens are no cookies: a page of another site has none of them, so any origin may ask. */
export function allowAnyPage(app: ApiApp): void {
  app.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (request.headers.origin === undefined) return
    reply.header('access-control-allow-origin', '*').header('access-control-expose-headers', 'Retry-After')
  })
}

/** Behind `openCustomerDoor` only. */
export function tokenOf(request: FastifyRequest): TokenPrincipal {
  return request.getDecorator<TokenPrincipal>('principal')
}

export function customerOf(db: WorkspaceDb, request: FastifyRequest): Promise<string> {
  return customerOfToken(db, tokenOf(request).holder)
}

/** Answers a browser's preflight of this path. */
export function allowPreflight(app: ApiApp, path: string, methods: string): void {
  app.options(path, { schema: { hide: true } as object }, (_request, reply) => {
    ;(reply as unknown as FastifyReply)
      .code(204)
      .header('access-control-allow-origin', '*')
      .header('access-control-allow-methods', methods)
      .header('access-control-allow-headers', 'Authorization, Content-Type, Last-Event-ID')
      .header('access-control-max-age', '86400')
      .send()
  })
}
