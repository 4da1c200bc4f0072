import { readConfig } from './config.ts'
import { serve } from './serve.ts'

/** `npm start`: reads the settings, starts the parts, and ends when asked to. */
const result = readConfig(process.env, process.cwd())
if (result.kind === 'faults') {
  console.error(`the settings do not fit:\n${result.faults.map((fault) => `  ${fault}`).join('\n')}`)
  process.exit(78)
}
const started = await serve(result.config)
if (started.kind === 'refused') {
  console.error(started.reason)
  process.exit(started.exitCode)
}
console.log(started.server.greeting)
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    process.exit((await started.server.close()) ? 0 : 75)
  })
}
