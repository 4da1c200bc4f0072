import { lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'

/** Special-purpose addresses that are no host of the internet (IANA registries, RFC 6890). */
const blocked = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  blocked.addSubnet(network, prefix, 'ipv4')
}
for (const [network, prefix] of [
  ['::', 128],
  ['::1', 128],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  blocked.addSubnet(network, prefix, 'ipv6')
}

/** Whether a host as a URL has it (`127.0.0.1`, `[::1]`) is an address that is not of the internet. */
export function isPrivateAddress(host: string): boolean {
  const address = host.startsWith('[') ? host.slice(1, -1) : host
  const family = isIP(address)
  if (family === 0) return false
  // BlockList looks at IPv4 written as IPv6 (::ffff:10.0.0.1) as what it stands for.
  return blocked.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

/**
 * Resolves like `dns.lookup`, and refuses where any answer is private. The address checked is the one connected
 * to: a name that resolves otherwise the next time changes nothing.
 */
export const lookUpPublic: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, '', 0)
    const refused = addresses.find(({ address }) => isPrivateAddress(address))
    const [first] = addresses
    if (refused !== undefined || first === undefined) {
      const fault = Object.assign(new Error(`${hostname} is no host of the internet`), {
        code: 'private_host',
      })
      return callback(fault, '', 0)
    }
    if (options.all === true) return callback(null, addresses)
    callback(null, first.address, first.family)
  })
}
