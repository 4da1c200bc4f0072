import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { type CuttingProxy, startCuttingProxy } from './harness/cutting-proxy.ts'
import { freePort } from './harness/server-process.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** As Kafka frames it: size, `api_key`, the rest. */
function request(key: number, text: string): Buffer {
  const head = Buffer.alloc(6)
  head.writeInt32BE(2 + text.length, 0)
  head.writeInt16BE(key, 4)
  return Buffer.concat([head, Buffer.from(text)])
}

/** A broker that answers each chunk with `ok`, the proxy before it, and one client. */
async function connected(): Promise<{
  proxy: CuttingProxy
  client: Socket
  got: () => string
  ended: Promise<unknown>
}> {
  const chunks: Buffer[] = []
  const brokerEnded = Promise.withResolvers<void>()
  const broker = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('close', () => brokerEnded.resolve())
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      socket.write('ok')
    })
  })
  const target = await freePort()
  broker.listen(target, '127.0.0.1')
  await once(broker, 'listening')
  closers.push(() => broker.close())
  const listen = await freePort()
  const proxy = await startCuttingProxy({ listen, target })
  closers.push(() => proxy.close())
  const client = connect(listen, '127.0.0.1').on('error', () => {})
  await once(client, 'connect')
  const ended = Promise.all([once(client, 'close'), brokerEnded.promise])
  return { proxy, client, got: () => Buffer.concat(chunks).toString('latin1'), ended }
}

it('passes requests and answers on, and lets others than produce requests alone', async () => {
  const { proxy, client, got } = await connected()
  void proxy.cutNext('before')
  client.write(request(3, 'metadata'))
  expect(String((await once(client, 'data'))[0])).toBe('ok')
  expect(got()).toContain('metadata')
  client.destroy()
})

it.each([
  ['before', (got: string) => got === ''],
  ['amid', (got: string) => got !== '' && !got.includes('produced')],
  ['after', (got: string) => got.includes('produced')],
] as const)('cuts %s the broker has a produce request, and no answer comes back', async (cut, holds) => {
  const { proxy, client, got, ended } = await connected()
  const answers: string[] = []
  client.on('data', (chunk) => answers.push(String(chunk)))
  const done = proxy.cutNext(cut)
  client.write(request(0, 'produced'))
  await done
  await ended
  expect(got()).toSatisfy(holds)
  expect(answers).toEqual([])
})
