import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { StartHarness } from './harness.ts'

/** The other end of `outside-channels/plain-http.js`. */
export const startHarness: StartHarness = async () => {
  const received: string[] = []
  const server = createServer(async (request, response) => {
    const body = JSON.parse(await textOf(request))
    const key = String(request.headers['idempotency-key'])
    const isRight = request.headers.authorization === 'Bearer key-1234' && typeof body.to === 'string'
    if (isRight && !received.includes(key)) received.push(key)
    response.writeHead(isRight ? 202 : 401, { 'content-type': 'application/json' })
    response.end(JSON.stringify(isRight ? { id: `p-${key}` } : {}))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    settings: { url: `http://127.0.0.1:${port}/mails`, apiKey: 'key-1234' },
    message: {},
    received: async () => received,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
