import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '#platform/clock/system-clock.ts'
import { createLogger } from '#platform/telemetry/logger.ts'
import { readConfig } from '../config.ts'
import { openInThreadEngine } from '../pipeline/in-thread-engine.ts'
import { assembleApi } from './assemble-api.ts'

/** The text of docs/openapi.json: the document of the real door, with the settings' defaults. */
export async function openApiText(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'starling-openapi-'))
  const logger = createLogger({}, { level: 'error' })
  const engine = await openInThreadEngine({ dataDir, clock: systemClock, seed: 1, logger })
  try {
    const read = readConfig({ STARLING_DATA_DIR: dataDir }, dataDir)
    if (read.kind === 'faults') throw new Error(read.faults.join('\n'))
    const location = { file: join(dataDir, 'store.db') }
    const api = await assembleApi(engine.parts, { config: read.config, location })
    const document = await api.document()
    await api.close()
    return `${JSON.stringify(document, null, 2)}\n`
  } finally {
    await engine.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
}
