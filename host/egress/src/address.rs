//! Which addresses the host dials: public ones, and the exceptions that an admin made.
//!
//! Every address of a name is judged, and the address that is dialled is one that was judged. The
//! ranges are those of the IANA special-purpose registries (RFC 6890) that are not global, and
//! forms of IPv6 that carry an IPv4 address past a naive check.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use grantry_model::approval::AddressException;

/// Whether this address may be dialled.
pub(crate) fn is_allowed(address: SocketAddr, exceptions: &[AddressException]) -> bool {
    is_excepted(address, exceptions) || is_public(address.ip())
}

/// Whether the admin excepted exactly this address and port.
pub(crate) fn is_excepted(address: SocketAddr, exceptions: &[AddressException]) -> bool {
    exceptions.iter().any(|except| except.ip == address.ip() && except.port == address.port())
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_special = match (a, b, c) {
        // "This network", private use, loopback, multicast, reserved, broadcast.
        (0 | 10 | 127 | 224..=255, _, _) => true,
        // Shared address space of carriers (RFC 6598).
        (100, 64..=127, _) => true,
        // Link-local: cloud metadata services live here.
        (169, 254, _) => true,
        (172, 16..=31, _) => true,
        (192, 168, _) => true,
        // Protocol assignments, documentation, 6to4 relays, AS112.
        (192, 0, 0 | 2) | (192, 88, 99) | (192, 31, 196) | (192, 52, 193) | (192, 175, 48) => true,
        // Benchmarking (RFC 2544).
        (198, 18..=19, _) => true,
        // Documentation.
        (198, 51, 100) | (203, 0, 113) => true,
        _ => false,
    };
    !is_special
}

/// Only global unicast (2000::/3), without the parts of it that are not what they seem.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    match ip.segments() {
        // Protocol assignments with Teredo and ORCHID (2001::/23).
        [0x2001, 0..=0x1ff, ..] => false,
        // Documentation.
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // 6to4: carries an IPv4 address.
        [0x2002, ..] => false,
        // Unspecified, loopback, v4-mapped and -compatible, NAT64 (64:ff9b::/96, 64:ff9b:1::/48),
        // discard-only, unique local, link-local, site-local and multicast are all outside 2000::/3.
        [0x2000..=0x3fff, ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_global_addresses_are_public() {
        let refused = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.9.9",
            "198.51.100.7",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::ffff:127.0.0.1",
            "::8.8.8.8",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
            "4000::1",
        ];
        for text in refused {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in
            ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1"]
        {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn an_exception_is_for_one_address_and_port() {
        let exceptions = [AddressException { ip: "127.0.0.1".parse().unwrap(), port: 8080 }];
        assert!(is_allowed("127.0.0.1:8080".parse().unwrap(), &exceptions));
        assert!(!is_allowed("127.0.0.1:8081".parse().unwrap(), &exceptions));
        assert!(!is_allowed("127.0.0.2:8080".parse().unwrap(), &exceptions));
    }
}
