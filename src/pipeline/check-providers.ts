import { channelFiles } from '../action/load-channels.ts'
import { providerFaults } from '../action/open-channels.ts'
import type { EngineSettings } from './engine-parts.ts'

/** What is wrong with the configured providers and the channel files outside; said before anything starts. */
export async function checkProviders({
  providers,
  channelsDir,
}: Pick<EngineSettings, 'providers' | 'channelsDir'>): Promise<string[]> {
  try {
    return providerFaults(await channelFiles(channelsDir), providers)
  } catch (error) {
    return [`channelsDir: ${error instanceof Error ? error.message : String(error)}`]
  }
}
