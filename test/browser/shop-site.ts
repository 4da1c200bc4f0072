import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * The shop's own site, at an origin that is not Starling's: the demo page of docs/guides/demo as it is, a token for
 * whoever is signed in, and the file by which a site takes our service worker.
 */
export async function startShopSite(
  starlingUrl: string,
  tokenOf: () => Promise<string>,
): Promise<{ url: string; close(): Promise<void> }> {
  const demo = (name: string) =>
    readFileSync(new URL(`../../docs/guides/demo/${name}`, import.meta.url), 'utf8').replaceAll(
      'STARLING_URL',
      starlingUrl,
    )
  const server = createServer(async (request, response) => {
    const send = (type: string, body: string): void => {
      response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
    }
    switch (request.url) {
      case '/':
        return send('text/html', demo('inbox.html'))
      case '/inbox-page.js':
        return send('text/javascript', demo('inbox-page.js'))
      case '/starling-sw.js':
        return send('text/javascript', `importScripts('${starlingUrl}/sdk/starling-sw.js')`)
      case '/customer-token':
        return send('application/json', JSON.stringify({ token: await tokenOf() }))
      case '/tea':
        return send('text/html', '<title>Tea</title>')
      default:
        response.writeHead(404).end()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    // Service workers need a secure context: of plain HTTP only this machine's own names are one.
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
