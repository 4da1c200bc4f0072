import { createServer, type Socket } from 'node:net'

/**
 * A mail server that takes everything and only counts it, written for speed so that it is not the limit:
 * commands and texts are cut out of each chunk by their ends, replies to what came in one chunk leave in one.
 * Offers what Postfix offers without TLS, pipelining among it.
 */
const greeting = '220 sink.example ESMTP\r\n'
const extensions =
  '250-sink.example\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n'
const endOfText = Buffer.from('\r\n.\r\n')

let mails = 0
let bytes = 0

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy())
  socket.write(greeting)
  serve(socket)
})

function serve(socket: Socket): void {
  let rest: Buffer | null = null
  let inText = false
  socket.on('data', (chunk) => {
    const data = rest === null ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    let replies = ''
    for (;;) {
      if (inText) {
        const end = data.indexOf(endOfText, at)
        if (end < 0) break
        mails++
        bytes += end - at
        at = end + endOfText.length
        inText = false
        replies += `250 2.0.0 Ok: queued as ${mails.toString(16)}\r\n`
        continue
      }
      const end = data.indexOf(10, at)
      if (end < 0) break
      // The first letter tells all commands apart that are used here.
      const command = data[at]! | 0x20
      at = end + 1
      if (command === 0x6d) replies += '250 2.1.0 Ok\r\n'
      else if (command === 0x72) replies += '250 2.1.5 Ok\r\n'
      else if (command === 0x64) {
        inText = true
        replies += '354 End data with <CR><LF>.<CR><LF>\r\n'
      } else if (command === 0x65) replies += extensions
      else if (command === 0x71) {
        socket.end(`${replies}221 2.0.0 Bye\r\n`)
        return
      } else replies += '502 5.5.2 what?\r\n'
    }
    rest = at < data.length ? data.subarray(at) : null
    if (replies !== '') socket.write(replies)
  })
}

server.listen(0, '127.0.0.1', () => {
  process.send!({ port: (server.address() as { port: number }).port })
})
process.on('message', () => process.send!({ mails, bytes }))
process.on('disconnect', () => process.exit(0))
