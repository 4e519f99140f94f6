//! How an exchange is added to a profile: which bins, sets and samples it goes to.

use record::{Form, Network};

use super::Hot;
use super::bottom::{Model, Sample, Tally};
use super::event::Event;
use super::mix;
use crate::digest::{Api, Digest, FAMILIES_COUNT, Family};

/// The bin of a size: 0 below 32, then one for each doubling, 12 in all.
fn doubling(size: u32) -> usize {
    ((size | 1).ilog2().saturating_sub(4) as usize).min(11)
}

impl Hot {
    /// Adds one exchange: the same as merging the profile of it alone.
    pub fn add(&mut self, event: &Event<'_>) {
        let digest = event.digest;
        self.exchanges.add(1);
        self.oldest.0 = self.oldest.0.min(event.hour);
        self.newest.0 = self.newest.0.max(event.hour);
        if let Some(usage) = digest.usage {
            self.input.add(usage.input);
            self.cached.add(usage.cached_input);
            self.output.add(usage.output);
            self.reasoning.add(usage.reasoning);
        }
        let sizes = &digest.sizes;
        self.asked_bytes.add(u64::from(sizes.ask));
        self.answered_bytes.add(u64::from(sizes.answer));
        self.duration_ms.add(u64::from(digest.duration_ms));
        self.ended(digest);
        self.when(event);
        self.what(event);
        self.parameters(digest);
        self.sizes(digest);
        self.names(digest);
        self.origin(event);
        for place in event.ways.places() {
            self.ways.add(place);
        }
        if digest.sizes.answer > 0 {
            let first = digest.answer_prints.first().copied().unwrap_or(0);
            let answer = digest.answer.signs() ^ mix(first ^ u64::from(sizes.answer));
            self.answers.add(event.wide(25, answer));
        }
        let echoes = &event.echoes;
        let echoes = [echoes.own, echoes.other, echoes.graded, echoes.continued];
        for (place, echo) in echoes.into_iter().enumerate() {
            if echo {
                self.echoes.add(place);
            }
        }
    }

    fn ended(&mut self, digest: &Digest) {
        self.answered.add(match digest.status {
            0..=299 => 0,
            429 => 1,
            401 | 403 => 2,
            300..=499 => 3,
            _ => 4,
        });
        if digest.cut {
            self.answered.add(5);
        }
    }

    fn when(&mut self, event: &Event<'_>) {
        self.week.add(event.week_hour);
        self.recent.add(event.day);
        self.hours.add(event.hour);
        self.early.add(event.day);
        self.minutes.add(event.twelfth);
        for (clock, hash) in self.clocks.iter_mut().zip(event.clocks) {
            clock.add(hash);
        }
    }

    fn what(&mut self, event: &Event<'_>) {
        let digest = event.digest;
        let wide = |kind, hash| event.wide(kind, hash);
        if event.template != 0 {
            self.templates.add(event.template as usize % 64);
            self.template_keys.add(tally(event.template));
            self.moments.add(tally(event.moment));
        }
        if digest.model != 0 {
            self.models.add(Model {
                key: digest.model.min(u32::MAX - 1),
                count: 1,
                first: event.hour,
                last: event.hour,
            });
        }
        self.samples.add(Sample {
            order: event.order.min(u32::MAX - 1),
            template: event.template,
            signs: [event.cell as u32, (event.cell >> 32) as u32],
            opening: digest.chain.opening as u32,
        });
        self.prompts.add(wide(20, digest.ask.exact));
        self.heads.add(wide(21, u64::from(event.template)));
        self.systems
            .add(wide(22, u64::from(digest.template.system)));
        self.toolsets.add(wide(23, u64::from(digest.asked.toolset)));
        self.openings.add(wide(24, digest.chain.opening));
        if !digest.ask.position.is_nowhere() {
            self.coverage.add((event.cell & 1023) as usize);
            self.cells.add((event.cell >> 10 & 31) as usize);
            self.mean.add(&event.mean);
            self.features.add(&event.features);
        }
    }

    fn parameters(&mut self, digest: &Digest) {
        let (asked, sizes) = (&digest.asked, &digest.sizes);
        let flags = [
            asked.n > 1,
            asked.n >= 4,
            asked.logprobs.is_some(),
            asked.logprobs >= Some(5),
            asked.prompt_logprobs,
            asked.logit_bias > 0,
            asked.seed,
            asked.stop,
            asked.stream,
            asked.reasoning,
            asked.form == Form::Json,
            asked.form == Form::Schema,
            asked.tools > 0,
            asked.prompts > 1,
            sizes.media > 0,
            sizes.ids > 0,
        ];
        let temperature = match asked.temperature {
            None => 16,
            Some(0) => 17,
            Some(1..=30) => 18,
            Some(31..=60) => 19,
            Some(61..=80) => 20,
            Some(81..=99) => 21,
            Some(100) => 22,
            Some(_) => 23,
        };
        let most = match asked.max_tokens {
            None => 24,
            Some(0..=15) => 25,
            Some(16..=63) => 26,
            Some(64..=255) => 27,
            Some(256..=511) => 28,
            Some(512..=1023) => 29,
            Some(1024..=2047) => 30,
            Some(2048..=4095) => 31,
            Some(4096..=8191) => 32,
            Some(_) => 33,
        };
        let api = match digest.endpoint {
            Api::Chat => 34,
            Api::Completions => 35,
            Api::Responses => 36,
            Api::Embeddings => 37,
            Api::Messages => 38,
            Api::Other => 39,
        };
        let rest = [
            sizes.full > 0,
            sizes.calls > 0,
            sizes.unread > 0,
            sizes.skipped > 0,
        ];
        for bin in [temperature, most, api] {
            self.asked.add(bin);
        }
        let flags = flags.into_iter().enumerate();
        let rest = (40..).zip(rest);
        for (bin, is) in flags.chain(rest) {
            if is {
                self.asked.add(bin);
            }
        }
    }

    fn sizes(&mut self, digest: &Digest) {
        let sizes = &digest.sizes;
        self.sized.add(doubling(sizes.ask));
        self.sized.add(12 + doubling(sizes.answer));
        let context = sizes.system.saturating_add(sizes.past);
        self.sized.add(24 + doubling(context));
        self.sized.add(match sizes.messages {
            few @ 0..=3 => 36 + few as usize,
            4..=7 => 40,
            _ => 41,
        });
        let most = digest.asked.max_tokens.filter(|most| *most > 0);
        self.sized.add(match (digest.usage, most) {
            (Some(usage), Some(most)) => {
                let quarters = usage.output.saturating_mul(4) / u64::from(most);
                42 + quarters.min(4) as usize
            }
            _ => 47,
        });
    }

    fn names(&mut self, digest: &Digest) {
        let mut harvesting = 0;
        for (family, _) in digest.asking.present() {
            self.named.add(family as usize);
            harvesting += u32::from((family as usize) < Family::NoRefusal as usize);
        }
        let asks = |family| digest.asking.of(family) > 0;
        let judged = [
            Family::Rubric,
            Family::Score,
            Family::Pairwise,
            Family::Critique,
        ];
        let more = [
            digest.answering.of(Family::Refusal) > 0,
            digest.answering.of(Family::ThinkTags) > 0 || digest.sizes.reasoning > 0,
            digest.answering.of(Family::SelfChat) > 1,
            asks(Family::Candidates) && judged.into_iter().any(asks),
            harvesting >= 3,
        ];
        for (place, is) in more.into_iter().enumerate() {
            if is {
                self.named.add(FAMILIES_COUNT + place);
            }
        }
    }

    fn origin(&mut self, event: &Event<'_>) {
        let origin = &event.digest.origin;
        let wide = |kind, print| event.wide(kind, print);
        self.addresses.add(wide(30, u64::from(origin.address)));
        self.ranges.add(wide(31, u64::from(origin.range)));
        self.agents.add(wide(32, u64::from(origin.agent)));
        self.tls.add(wide(33, u64::from(origin.tls)));
        let client = [origin.headers, origin.client, origin.language];
        if client != [0; 3] {
            let all = client.into_iter();
            let all = all.fold(0, |all, one| mix(all ^ u64::from(one)));
            self.clients.add(wide(34, all));
        }
        self.networks.add(match origin.network {
            Some(Network::Hosting) => 0,
            Some(Network::Residential) => 1,
            Some(Network::Mobile) => 2,
            Some(Network::Corporate) => 3,
            Some(Network::Education) => 4,
            None => 5,
        });
    }
}

const fn tally(key: u32) -> Tally {
    // The greatest key marks an empty place.
    let key = if key == u32::MAX { u32::MAX - 1 } else { key };
    Tally { key, count: 1 }
}
