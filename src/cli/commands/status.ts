import { Command } from 'commander'
import { act, ask, type CliContext } from '../context.ts'
import { done } from '../outcome.ts'

interface Status {
  version: string
  workspace: string
  sendMode: string
  killSwitch: boolean
  liveCampaigns: string[]
  messages: Record<string, number>
  providers: { id: string; channel: string; state: string; reason: string; retryAt: number | null }[]
  waiting: { line: string; messages: number; expectedAt: number }[]
  deadLetters: number
  rejectedEvents: number
  logLag: number
}

export function statusCommand(context: CliContext): Command {
  return new Command('status')
    .description('where things stand')
    .addHelpText('after', '\nExample:\n  starling status --json')
    .action(
      act(context, async (_options: object, command: Command) => {
        const answer = await ask<Status>(context, command, 'GET', '/status')
        return answer.kind === 'failed' ? answer : done(answer.body, textOf(answer.body))
      }),
    )
}

const timeOf = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`

function providerText({ state, reason, retryAt }: Status['providers'][number]): string {
  if (state === 'closed') return 'well'
  return `${state}, ${reason}${retryAt === null ? '' : `; tried again at ${timeOf(retryAt)}`}`
}

function textOf(status: Status): string {
  const messages = Object.entries(status.messages).map(([state, count]) => `${count} ${state}`)
  return [
    `workspace        ${status.workspace} (Starling ${status.version})`,
    `send mode        ${status.sendMode}${status.sendMode === 'outbox' ? ': nothing leaves' : ''}`,
    `kill switch      ${status.killSwitch ? 'ON: nothing is sent' : 'off'}`,
    `live campaigns   ${status.liveCampaigns.length === 0 ? 'none' : status.liveCampaigns.join(', ')}`,
    `messages         ${messages.join(', ')}`,
    ...status.providers.map((own) => `provider         ${own.id} (${own.channel}): ${providerText(own)}`),
    ...status.waiting.map(
      ({ line, messages, expectedAt }) =>
        `in line          ${messages} for ${line}, the last expected at ${timeOf(expectedAt)}`,
    ),
    `dead letters     ${status.deadLetters}`,
    `refused events   ${status.rejectedEvents}`,
    `not yet applied  ${status.logLag} records`,
  ].join('\n')
}
