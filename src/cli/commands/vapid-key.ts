import { Command } from 'commander'
import webPush from 'web-push'
import { act, type CliContext } from '../context.ts'
import { done } from '../outcome.ts'

/** A key pair for web push, made here: nothing is asked of a server and nothing is kept. */
export function vapidKeyCommand(context: CliContext): Command {
  return new Command('vapid-key')
    .description('make a key for web push (VAPID)')
    .addHelpText('after', '\nExample:\n  starling vapid-key')
    .action(
      act(context, async () => {
        const keys = webPush.generateVAPIDKeys()
        return done(keys, `privateKey  ${keys.privateKey}\npublicKey   ${keys.publicKey}`)
      }),
    )
}
