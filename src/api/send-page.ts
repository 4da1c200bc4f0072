import type { FastifyReply } from 'fastify'

/** Pages hold their own style and no script; forms post to ourselves. */
const pagePolicy =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

/** Answers with a page. What it shows is never kept by a cache, and its address is not told to others. */
export function sendPage<Reply extends object>(typedReply: Reply, html: string): Reply {
  const reply = typedReply as unknown as FastifyReply
  if (reply.getHeader('content-security-policy') === undefined) {
    reply.header('content-security-policy', pagePolicy)
  }
  reply
    .header('content-type', 'text/html; charset=utf-8')
    .header('cache-control', 'no-store')
    .header('referrer-policy', 'no-referrer')
    .header('x-content-type-options', 'nosniff')
    .send(html)
  return typedReply
}

/** Whether the client is a browser rather than a program: programs get JSON. */
export function wantsHtml(accept: string | undefined): boolean {
  return accept?.includes('text/html') === true
}

/** One transparent pixel, fetched anew each time. */
export function sendPixel<Reply extends object>(typedReply: Reply): Reply {
  const reply = typedReply as unknown as FastifyReply
  reply.header('content-type', 'image/gif').header('cache-control', 'no-store').send(emptyGif)
  return typedReply
}

const emptyGif = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64')
