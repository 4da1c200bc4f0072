import { startSmtpServer } from '../../unit/action/smtp-servers.ts'
import type { StartHarness } from './harness.ts'

export const startHarness: StartHarness = async () => {
  const server = await startSmtpServer()
  return {
    settings: server.settings,
    message: {},
    received: async () => server.received.map(({ raw }) => /message-id: <(.+)@/i.exec(raw.toString())![1]!),
    close: server.close,
  }
}
