//! Which proxies are believed, and the client's address behind them.
//!
//! Only what a trusted proxy appended is taken: the list is read from its end, and the first
//! address that is not a trusted proxy's is the client's (RFC 7239; `X-Forwarded-For` alike).

use std::net::IpAddr;
use std::str::FromStr;

use http::HeaderMap;

/// A range of addresses, as `10.0.0.0/8` or `2001:db8::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Why a text is not a range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseNetworkError;

impl std::fmt::Display for ParseNetworkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a range of addresses: write it as 10.0.0.0/8 or ::1")
    }
}

impl std::error::Error for ParseNetworkError {}

impl FromStr for Network {
    type Err = ParseNetworkError;
    fn from_str(text: &str) -> Result<Self, ParseNetworkError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| ParseNetworkError)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().map_err(|_| ParseNetworkError)?,
            None => most,
        };
        if bits > most {
            Err(ParseNetworkError)
        } else {
            Ok(Self { address, bits })
        }
    }
}

impl Network {
    /// Whether the address lies in this range.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32 - u32::from(self.bits);
                let part = |ip: std::net::Ipv4Addr| u64::from(u32::from(ip)) >> shift;
                part(own) == part(other)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128 - u32::from(self.bits);
                let part = |ip: std::net::Ipv6Addr| u128::from(ip).checked_shr(shift);
                part(own) == part(other)
            }
            _ => false,
        }
    }
}

/// The client's address: the peer's, or what trusted proxies say of it.
pub(crate) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
    if trusted.is_empty() || !is_trusted(peer) {
        return peer.to_canonical();
    }
    let mut client = peer;
    for hop in hops(headers).into_iter().rev() {
        // A hop that can't be read ends what can be believed.
        let Some(address) = hop else { break };
        client = address;
        if !is_trusted(address) {
            break;
        }
    }
    client.to_canonical()
}

/// The addresses that proxies named, first to last; `None` for one that hides itself.
fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let elements = |name: &str| -> Vec<String> {
        let values = headers
            .get_all(name)
            .into_iter()
            .filter_map(|value| value.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .map(|part| part.trim().to_owned())
            .collect()
    };
    let forwarded = elements("forwarded");
    if forwarded.is_empty() {
        return elements("x-forwarded-for")
            .iter()
            .map(|text| address(text))
            .collect();
    }
    let of = |element: &String| {
        let mut pairs = element
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='));
        let (_, node) = pairs.find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
        address(node.trim_matches('"'))
    };
    forwarded.iter().map(of).collect()
}

/// An address with or without port and brackets.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
        return Some(socket.ip());
    }
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client_of(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        client(peer.parse().unwrap(), &map, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let liar = [("x-forwarded-for", "1.1.1.1, 203.0.113.9")];
        assert_eq!(client_of("198.51.100.1", &liar), "198.51.100.1");
        assert_eq!(client_of("10.1.2.3", &liar), "203.0.113.9");
        let two = [
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "203.0.113.9, 10.9.9.9"),
        ];
        assert_eq!(client_of("10.1.2.3", &two), "203.0.113.9");
        assert_eq!(client_of("10.1.2.3", &[]), "10.1.2.3");
    }

    #[test]
    fn forwarded_is_read_as_the_rfc_has_it() {
        let header = [(
            "forwarded",
            "for=1.1.1.1, For=\"[2001:db8::7]:4711\";proto=https",
        )];
        assert_eq!(client_of("::1", &header), "2001:db8::7");
        let hidden = [("forwarded", "for=1.1.1.1, for=_hidden")];
        assert_eq!(client_of("10.1.2.3", &hidden), "10.1.2.3");
        assert_eq!(
            client_of("::ffff:10.1.2.3", &[("x-forwarded-for", "203.0.113.9:80")]),
            "203.0.113.9"
        );
    }

    #[test]
    fn ranges_are_checked() {
        assert!("10.0.0.0/33".parse::<Network>().is_err());
        assert!("ten".parse::<Network>().is_err());
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("9.9.9.9".parse().unwrap()));
        assert!(!all.contains("::1".parse().unwrap()));
        let all: Network = "::/0".parse().unwrap();
        assert!(all.contains("::1".parse().unwrap()));
    }
}
