//! Where an exchange came from, as keyed prints: enough to tell the same source again, nothing to
//! tell which it was without the key.

use std::net::IpAddr;

use record::{Network, Source};
use serde::{Deserialize, Serialize};

use super::key::{Keys, Purpose};

/// Prints of a source; 0 or `None` where the deployment can't see it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Prints {
    /// The whole address.
    pub address: u32,
    /// Its network: the first 24 bits of IPv4, 48 of IPv6.
    pub range: u32,
    /// The autonomous system, as it is: it names no person.
    pub asn: Option<u32>,
    /// The kind of its network.
    pub network: Option<Network>,
    /// `User-Agent`.
    pub agent: u32,
    /// The same up to its first digit: the client without its version.
    pub client: u32,
    /// Order and case of the header names.
    pub headers: u32,
    /// JA4 of the TLS client.
    pub tls: u32,
    /// `Accept-Language`.
    pub language: u32,
}

impl Prints {
    pub(super) fn of(keys: &Keys, source: &Source<'_>) -> Self {
        // A byte before the text keeps kinds apart.
        let print = |kind: u8, text: &str| {
            if text.is_empty() {
                return 0;
            }
            let text = keys.bytes(Purpose::Origin, text.as_bytes());
            (keys.words(Purpose::Origin, [u64::from(kind), text]) as u32).max(1)
        };
        let (address, range) = match source.address.parse::<IpAddr>() {
            Ok(IpAddr::V4(four)) => (four.octets().to_vec(), four.octets()[..3].to_vec()),
            Ok(IpAddr::V6(six)) => match six.to_ipv4_mapped() {
                Some(four) => (four.octets().to_vec(), four.octets()[..3].to_vec()),
                None => (six.octets().to_vec(), six.octets()[..6].to_vec()),
            },
            // Not an address: a name or a socket; it is its own range.
            Err(_) => (source.address.into(), source.address.into()),
        };
        let address_print = |kind: u8, bytes: &[u8]| {
            if bytes.is_empty() {
                return 0;
            }
            let bytes = keys.bytes(Purpose::Origin, bytes);
            (keys.words(Purpose::Origin, [u64::from(kind), bytes]) as u32).max(1)
        };
        let agent = source.user_agent;
        let client = agent
            .split_once(|letter: char| letter.is_ascii_digit())
            .map_or(agent, |(name, _)| name);
        Self {
            address: address_print(0, &address),
            range: address_print(1, &range),
            asn: source.asn,
            network: source.network,
            agent: print(2, agent),
            client: print(3, client),
            headers: print(4, source.header_order),
            tls: print(5, source.ja4.unwrap_or_default()),
            language: print(6, source.accept_language),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::HashKey;
    use super::*;

    fn of(source: &Source<'_>) -> Prints {
        Prints::of(&Keys::new(&HashKey::new([1; 32])), source)
    }

    #[test]
    fn neighbours_share_their_range() {
        let at = |address| {
            of(&Source {
                address,
                ..Source::default()
            })
        };
        let (one, next, far) = (at("192.0.2.1"), at("192.0.2.9"), at("192.0.3.1"));
        assert_eq!(one.range, next.range);
        assert_ne!(one.address, next.address);
        assert_ne!(one.range, far.range);
        assert_eq!(at("::ffff:192.0.2.1"), one);
        assert_eq!(at("2001:db8:7::1").range, at("2001:db8:7:9::2").range);
        assert_ne!(at("2001:db8:7::1").range, at("2001:db8:8::1").range);
        assert_eq!(at(""), Prints::default());
        assert_ne!(at("unix").address, 0);
    }

    #[test]
    fn clients_are_known_without_their_version() {
        let with = |user_agent| {
            of(&Source {
                user_agent,
                ..Source::default()
            })
        };
        let (one, next) = (with("openai-python/1.2"), with("openai-python/1.3"));
        assert_eq!(one.client, next.client);
        assert_ne!(one.agent, next.agent);
        assert_ne!(one.client, one.headers);
    }
}
