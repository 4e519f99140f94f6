//! Settles `[operator]`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::super::error::Error;
use super::super::settled::Operator;
use super::super::written;
use super::Settler;

const MOST_HOURS: u32 = 720;

impl Settler<'_> {
    pub(super) fn operator(&mut self, written: written::Operator) -> Result<Operator, Error> {
        let usual = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8181);
        let listen = self.list("operator.listen", written.listen, vec![usual]);
        let reached = listen
            .first()
            .map_or("none".to_owned(), |first| format!("http://{first}"));
        let key = "operator.public_url";
        let is_written = written.public_url.is_some();
        let public_url = self.value(key, written.public_url, reached);
        let is_url = ["http://", "https://"].iter().any(|scheme| {
            public_url
                .strip_prefix(scheme)
                .is_some_and(|rest| !rest.is_empty())
        });
        if is_written && !is_url {
            let hint = "such as \"https://house.example.com\"".to_owned();
            return Err(self.wrong(key, "it has to be an http or https address", Some(hint)));
        }
        let key = "operator.session_hours";
        let hours = self.value(key, written.session_hours, 12);
        if !(1..=MOST_HOURS).contains(&hours) {
            return Err(self.wrong(key, format!("1 to {MOST_HOURS} are possible"), None));
        }
        let scrape_token = self.maybe("operator.scrape_token", written.scrape_token);
        Ok(Operator {
            listen,
            public_url: public_url.trim_end_matches('/').to_owned(),
            session: Duration::from_secs(u64::from(hours) * 3600),
            scrape_token,
        })
    }
}
