import { writeSync } from 'node:fs'
import { createInThreadLog } from '#platform/log/in-thread-log.ts'
import { many } from '../contract/event-log-contract.ts'

// Appends without end with several callers, prints the number of each acknowledged call, and kills
// itself when it passes the given point for the given time.
const [file = '', point = '', times = '1'] = process.argv.slice(2)
let left = Number(times)
const log = createInThreadLog({
  file,
  wallClock: { now: Date.now },
  faultPoint: (reached) => {
    if (reached === point && --left === 0) process.kill(process.pid, 'SIGKILL')
  },
})

let lastCall = 0
async function appendForever(): Promise<void> {
  for (;;) {
    const call = ++lastCall
    const answer = await log.append(many(6, `call${call}`))
    if (answer.kind !== 'appended') throw new Error(`unexpected ${answer.kind}`)
    writeSync(1, `${call}\n`)
  }
}
await Promise.all(Array.from({ length: 5 }, appendForever))
