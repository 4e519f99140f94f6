//! Where requests come from: client programs, networks, addresses. The same for all who use them;
//! addresses come from 240.0.0.0/4 and networks from the private range, which belong to nobody.

use std::net::Ipv4Addr;
use std::sync::Arc;

use serde::Serialize;

use crate::draw::{Draw, hash};
use crate::workload::Class;

/// The member `source` of an exchange.
#[derive(Debug, Clone, Serialize)]
pub struct Source {
    /// Address as seen; from 240.0.0.0/4, which belongs to nobody.
    pub ip: Ipv4Addr,
    /// Its network's number; from the private range.
    pub asn: u32,
    /// Kind of network.
    pub network: &'static str,
    /// As sent.
    pub user_agent: Arc<str>,
    /// Hash of order and case of header names.
    pub header_order: Arc<str>,
    /// TLS client print.
    pub ja4: Option<Arc<str>>,
    /// As sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept_language: Option<&'static str>,
}

/// A client program, as its requests show it.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) user_agent: Arc<str>,
    pub(crate) header_order: Arc<str>,
    pub(crate) ja4: Arc<str>,
    pub(crate) accept_language: Option<&'static str>,
}

/// Where an account's requests come from.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Addresses in use.
    pub(crate) homes: Vec<(Ipv4Addr, u32, &'static str)>,
    /// Share of requests from a fresh address of the same network (CI runners, cloud functions).
    pub(crate) fresh: f64,
}

/// What accounts of one office, school, team or crude campaign share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    /// Number that tells the group from others.
    pub number: u64,
    /// One verified organisation.
    pub organization: bool,
    /// One egress.
    pub address: bool,
    /// One means of payment.
    pub payment: bool,
}

pub(crate) const NETWORKS: [&str; 5] =
    ["hosting", "residential", "mobile", "corporate", "education"];
const LIBRARIES: [(&str, u64, u64); 10] = [
    ("OpenAI/Python 1.", 30, 109),
    ("OpenAI/JS 4.", 20, 104),
    ("Anthropic/Python 0.", 25, 70),
    ("python-requests/2.", 28, 32),
    ("axios/1.", 4, 9),
    ("Go-http-client/1.", 1, 1),
    ("litellm/1.", 40, 79),
    ("langchain-core/0.", 2, 3),
    ("okhttp/4.", 9, 12),
    ("curl/8.", 1, 11),
];
const PROGRAMS: [(&str, u64, u64); 7] = [
    ("open-webui/0.", 3, 6),
    ("LibreChat/0.", 6, 8),
    ("Chatbox/1.", 8, 13),
    (
        "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/17.",
        1,
        6,
    ),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/1", 20, 39),
    ("Zed/0.", 150, 190),
    ("aider/0.", 50, 86),
];

impl Client {
    /// A client of a kind: an interactive program or a library.
    pub(crate) fn draw(interactive: bool, accept: &'static str, draw: &mut Draw) -> Self {
        let (family, low, high) = match interactive {
            true => *draw.pick(&PROGRAMS),
            false => *draw.pick(&LIBRARIES),
        };
        let version = draw.between(low, high);
        let print = |what: &str, variant: u64| {
            hash(&[what.as_bytes(), family.as_bytes(), &variant.to_le_bytes()])
        };
        let runtime = draw.below(3) as u64;
        let tls = print("tls", runtime);
        Self {
            user_agent: format!("{family}{version}.{}", draw.below(4)).into(),
            header_order: format!("{:016x}", print("headers", draw.below(2) as u64)).into(),
            ja4: format!(
                "t13d{:02}{:02}h2_{:012x}_{:012x}",
                10 + tls % 9,
                8 + tls % 7,
                tls & 0xffff_ffff_ffff,
                tls >> 17
            )
            .into(),
            accept_language: interactive.then_some(accept),
        }
    }
}

impl Place {
    /// Addresses of an account; of a group where it shares one egress.
    pub(crate) fn draw(class: Class, shared: Option<&Shared>, draw: &mut Draw) -> Self {
        let mut own;
        let draw = match shared.filter(|shared| shared.address) {
            Some(shared) => {
                own = Draw::named(shared.number, "egress", 0);
                &mut own
            }
            None => draw,
        };
        let weights: [f64; 5] = match class {
            Class::Person => [0.5, 7.0, 3.0, 1.0, 0.5],
            Class::Developer => [2.0, 4.0, 0.5, 3.0, 0.5],
            Class::Agent | Class::Batch => [6.0, 1.5, 0.0, 2.0, 0.7],
            Class::Product => [8.0, 0.5, 0.0, 1.5, 0.0],
            Class::School => [0.0, 1.5, 1.0, 0.0, 7.0],
        };
        let network = draw.weighted(weights.iter().copied());
        let count = match network {
            0 => 1 + draw.below(3),
            1 => 1 + draw.below(2),
            2 => 2 + draw.below(4),
            _ => 1 + draw.below(2),
        };
        let asn = 4_200_000_000 + network as u32 * 1_000 + draw.below(40) as u32;
        let mut homes: Vec<_> = (0..count)
            .map(|_| (address(asn, network, draw), asn, NETWORKS[network]))
            .collect();
        // People go out with their telephones.
        if matches!(class, Class::Person | Class::Developer | Class::School) && draw.chance(0.5) {
            let asn = 4_200_002_000 + draw.below(40) as u32;
            homes.push((address(asn, 2, draw), asn, NETWORKS[2]));
        }
        let fresh = match (class, network) {
            (Class::Agent, 0) if draw.chance(0.5) => 0.9,
            (_, 0) if draw.chance(0.15) => 0.7,
            _ => 0.01,
        };
        Self { homes, fresh }
    }

    /// The address of one request.
    pub(crate) fn address(&self, draw: &mut Draw) -> (Ipv4Addr, u32, &'static str) {
        let at =
            draw.weighted((0..self.homes.len()).map(|place| if place == 0 { 3.0 } else { 1.0 }));
        let (ip, asn, network) = self.homes[at];
        if draw.chance(self.fresh) {
            return (address(asn, 0, draw), asn, network);
        }
        (ip, asn, network)
    }
}

/// An address of a network. Telephones and schools share few, houses and clouds have many.
fn address(asn: u32, network: usize, draw: &mut Draw) -> Ipv4Addr {
    let pool: u64 = match network {
        2 => 64,
        4 => 40,
        3 => 4_000,
        _ => 200_000,
    };
    let within = draw.below(pool as usize) as u64;
    let mixed = hash(&[&asn.to_le_bytes(), &(within / 200).to_le_bytes()]);
    let low = (within % 200 + 20) as u8;
    let [_, b, c, _] = (mixed as u32).to_be_bytes();
    Ipv4Addr::new(240 + (asn % 15) as u8, b, c, low)
}
