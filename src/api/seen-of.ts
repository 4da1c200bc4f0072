import type { FastifyRequest } from 'fastify'

/** Where a customer said something from, as proof of it. What a proxy says of others is told as such. */
export function seenOf({ ip, headers }: Pick<FastifyRequest, 'ip' | 'headers'>): {
  ip: string
  userAgent: string
} {
  const forwarded = headers['x-forwarded-for']
  const told = Array.isArray(forwarded) ? forwarded.join(', ') : forwarded
  return {
    ip: told === undefined ? ip : `${ip}, forwarded for ${told.slice(0, 200)}`,
    userAgent: headers['user-agent'] ?? '',
  }
}
