import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type Pdu, type SmppSession, smpp } from '../../../src/action/smpp/smpp-library.ts'
import type { StartHarness } from './harness.ts'
import { demand } from './http-vendor.ts'

const password = 'sm4pw0rd'

/** A message centre of the package's own server side, strict about what SMPP 3.4 asks of an ESME. */
export const startHarness: StartHarness = async () => {
  const received: string[] = []
  const complaints: string[] = []
  let next: number | 'hang' | 'drop' | null = null
  const server = smpp.createServer({}, (session: SmppSession) => {
    session.on('error', () => {})
    session.on('bind_transceiver', (pdu: Pdu) => {
      const fits = pdu.system_id === 'acme' && pdu.password === password && pdu.interface_version === 0x34
      if (!fits) complaints.push('bind_transceiver: wrong credentials or version')
      session.send(pdu.response({ command_status: fits ? 0 : 0x0d }))
    })
    session.on('enquire_link', (pdu: Pdu) => session.send(pdu.response()))
    session.on('unbind', (pdu: Pdu) => {
      session.send(pdu.response())
      session.close()
    })
    session.on('submit_sm', (pdu: Pdu) => {
      complaints.push(...faultsOf(pdu))
      const how = next
      next = null
      if (how === 'hang') return
      if (how === 'drop') return session.destroy()
      if (how !== null) return session.send(pdu.response({ command_status: how }))
      received.push((pdu.short_message as { message: string }).message)
      return session.send(pdu.response({ message_id: `smsc-${received.length}` }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const answer = (status: number) => () => {
    next = status
  }
  return {
    settings: {
      url: `smpp://127.0.0.1:${port}`,
      systemId: 'acme',
      password,
      from: 'ACME',
      windowMax: 10,
    },
    // The protocol has no key: the text is one.
    message: (key) => ({ channel: 'sms', address: '+12015550123', text: key }),
    received: async () => received,
    async close() {
      for (const session of server.sessions) session.destroy()
      const closed = once(server, 'close')
      server.close()
      await closed
    },
    people: {
      attempted: 'SMPP 3.4 has no field for a key of the client',
      complaints: () => complaints,
      never: { 'transient-wait': 'a submit_sm_resp has no field for a time' },
      cases: [
        { name: 'ESME_RTHROTTLED', next: answer(0x58), result: { kind: 'throttled' } },
        { name: 'ESME_RMSGQFUL', next: answer(0x14), result: { kind: 'throttled' } },
        {
          name: 'ESME_RSYSERR',
          next: answer(0x08),
          result: { kind: 'transient', reason: 'smpp_0x00000008' },
        },
        { name: 'ESME_RINVSRCADR', next: answer(0x0a), result: { kind: 'transient', ofProvider: true } },
        { name: 'ESME_RINVMSGLEN', next: answer(0x01), result: { kind: 'permanent', suppress: false } },
        { name: 'ESME_RINVDSTADR', next: answer(0x0b), result: { kind: 'permanent', suppress: true } },
        {
          name: 'a number that is none',
          next: () => {},
          message: { address: '12' },
          result: { kind: 'permanent', suppress: true },
        },
        {
          name: 'no answer after it was taken',
          next: () => {
            next = 'hang'
          },
          settings: { answerTimeoutMs: 100 },
          result: { kind: 'unknown' },
        },
        {
          name: 'the connection is lost after it was taken',
          next: () => {
            next = 'drop'
          },
          result: { kind: 'unknown' },
        },
      ],
    },
  }
}

function faultsOf(pdu: Pdu): string[] {
  const { source_addr, source_addr_ton, source_addr_npi, destination_addr, dest_addr_ton, dest_addr_npi } =
    pdu
  return [
    ...demand(
      destination_addr === '12015550123' && dest_addr_ton === 1 && dest_addr_npi === 1,
      'destination',
    ),
    // 5.2.5: an alphanumeric source has type 5 and no plan.
    ...demand(source_addr === 'ACME' && source_addr_ton === 5 && source_addr_npi === 0, 'source'),
    ...demand(pdu.registered_delivery === 1, 'no receipt asked for'),
    ...demand(pdu.data_coding === 0 || pdu.data_coding === 8, 'data_coding'),
  ]
}
