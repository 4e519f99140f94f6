//! The generator kept honest: from L2 up, source, account and parameter fields alone must not
//! tell a distiller. A decision tree of depth 3, every threshold tried, cross-validated by
//! account; the same tree must find crude accounts, so that the test can fail.

use std::collections::{HashMap, HashSet};

use crate::kit::{self, AccountLine, ExchangeLine, Network, Plan, Program, Set};

const DEPTH: usize = 3;
const FOLDS: usize = 5;
const LEAST_IN_LEAF: usize = 8;

struct Row {
    features: Vec<f64>,
    distilling: bool,
}

enum Tree {
    Leaf(f64),
    Split {
        feature: usize,
        at: f64,
        low: Box<Tree>,
        high: Box<Tree>,
    },
}

impl Tree {
    fn grow(rows: &[&Row], depth: usize) -> Self {
        let positive = rows.iter().filter(|row| row.distilling).count();
        let leaf = Self::Leaf((positive as f64 + 1.0) / (rows.len() as f64 + 2.0));
        if depth == 0 || positive == 0 || positive == rows.len() {
            return leaf;
        }
        let mut best: Option<(f64, usize, f64)> = None;
        for feature in 0..rows[0].features.len() {
            let mut sorted: Vec<(f64, bool)> = rows
                .iter()
                .map(|row| (row.features[feature], row.distilling))
                .collect();
            sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
            let (mut low, mut low_positive) = (0usize, 0usize);
            for pair in sorted.windows(2) {
                low += 1;
                low_positive += usize::from(pair[0].1);
                let high = rows.len() - low;
                if pair[0].0 == pair[1].0 || low < LEAST_IN_LEAF || high < LEAST_IN_LEAF {
                    continue;
                }
                let gini = |count: usize, positive: usize| {
                    let share = positive as f64 / count as f64;
                    count as f64 * share * (1.0 - share)
                };
                let impurity = gini(low, low_positive) + gini(high, positive - low_positive);
                if best.is_none_or(|(least, ..)| impurity < least) {
                    best = Some((impurity, feature, (pair[0].0 + pair[1].0) / 2.0));
                }
            }
        }
        let Some((_, feature, at)) = best else {
            return leaf;
        };
        let (low, high): (Vec<&Row>, Vec<&Row>) =
            rows.iter().partition(|row| row.features[feature] <= at);
        Self::Split {
            feature,
            at,
            low: Box::new(Self::grow(&low, depth - 1)),
            high: Box::new(Self::grow(&high, depth - 1)),
        }
    }

    /// The splits, for whoever must find out what tells.
    fn shown(&self) -> String {
        match self {
            Self::Leaf(share) => format!("{share:.2}"),
            Self::Split {
                feature,
                at,
                low,
                high,
            } => {
                format!(
                    "[{feature} <= {at:.3}: {}, else {}]",
                    low.shown(),
                    high.shown()
                )
            }
        }
    }

    fn score(&self, row: &Row) -> f64 {
        match self {
            Self::Leaf(share) => *share,
            Self::Split {
                feature,
                at,
                low,
                high,
            } => match row.features[*feature] <= *at {
                true => low.score(row),
                false => high.score(row),
            },
        }
    }
}

/// The area under the curve, ties counted half.
fn auc(scored: &[(f64, bool)]) -> f64 {
    let (mut wins, mut pairs) = (0.0, 0.0);
    for (yes, _) in scored.iter().filter(|(_, distilling)| *distilling) {
        for (no, _) in scored.iter().filter(|(_, distilling)| !*distilling) {
            pairs += 1.0;
            wins += if yes > no {
                1.0
            } else if yes == no {
                0.5
            } else {
                0.0
            };
        }
    }
    wins / pairs
}

fn cross_validated(rows: &[Row]) -> f64 {
    let mut scored = Vec::new();
    for fold in 0..FOLDS {
        let (test, fit): (Vec<_>, Vec<_>) = rows
            .iter()
            .enumerate()
            .partition(|(place, _)| place % FOLDS == fold);
        let fit: Vec<&Row> = fit.into_iter().map(|(_, row)| row).collect();
        let tree = Tree::grow(&fit, DEPTH);
        scored.extend(
            test.iter()
                .map(|(_, row)| (tree.score(row), row.distilling)),
        );
    }
    auc(&scored)
}

fn rows(set: &Set) -> Vec<Row> {
    let mut by_account: HashMap<&str, Vec<&ExchangeLine>> = HashMap::new();
    let mut users_of_net: HashMap<String, HashSet<&str>> = HashMap::new();
    let mut users_of_agent: HashMap<&str, HashSet<&str>> = HashMap::new();
    for exchange in &set.exchanges {
        by_account
            .entry(&exchange.account)
            .or_default()
            .push(exchange);
        users_of_net
            .entry(net(exchange))
            .or_default()
            .insert(&exchange.account);
        users_of_agent
            .entry(&exchange.source.user_agent)
            .or_default()
            .insert(&exchange.account);
    }
    let mut cards: HashMap<&str, u32> = HashMap::new();
    for card in set
        .accounts
        .iter()
        .filter_map(|line| line.payment_hash.as_deref())
    {
        *cards.entry(card).or_default() += 1;
    }
    set.accounts
        .iter()
        .filter(|line| set.truth[&line.id].label != "sanctioned")
        .filter_map(|line| {
            let mine = by_account.get(line.id.as_str())?;
            let mut features = of_account(line, mine[0], &cards);
            features.extend(of_source(mine, &users_of_net, &users_of_agent));
            features.extend(of_parameters(mine));
            Some(Row {
                features,
                distilling: set.truth[&line.id].campaign.is_some(),
            })
        })
        .collect()
}

fn net(exchange: &ExchangeLine) -> String {
    exchange
        .source
        .ip
        .to_string()
        .rsplit_once('.')
        .unwrap()
        .0
        .to_owned()
}

fn of_account(line: &AccountLine, first: &ExchangeLine, cards: &HashMap<&str, u32>) -> Vec<f64> {
    let is = |yes: bool| f64::from(u8::from(yes));
    let age = first.time.duration_since(line.created).as_secs_f64() / 86_400.0;
    let mut out = vec![
        age,
        [Plan::Free, Plan::Payg, Plan::Team, Plan::Enterprise]
            .iter()
            .position(|plan| *plan == line.plan)
            .unwrap() as f64,
        is(line.organization.is_some()),
        is(line.email_hash.is_some()),
        is(line.payment_hash.is_some()),
        is(line.phone_hash.is_some()),
        is(line.declared_use.is_some()),
        line.payment_hash
            .as_deref()
            .map_or(0.0, |card| f64::from(cards[card])),
    ];
    out.extend(
        [Program::Education, Program::Startup, Program::Research]
            .map(|program| is(line.program == Some(program))),
    );
    let countries = [
        "US", "GB", "DE", "FR", "BR", "IN", "JP", "SG", "KR", "NG", "MX", "CA",
    ];
    out.extend(countries.map(|country| is(line.country.as_deref() == Some(country))));
    out
}

fn of_source(
    mine: &[&ExchangeLine],
    users_of_net: &HashMap<String, HashSet<&str>>,
    users_of_agent: &HashMap<&str, HashSet<&str>>,
) -> Vec<f64> {
    let count = mine.len() as f64;
    let distinct = |of: &dyn Fn(&ExchangeLine) -> String| {
        mine.iter()
            .map(|line| of(line))
            .collect::<HashSet<_>>()
            .len() as f64
    };
    let share = |of: &dyn Fn(&ExchangeLine) -> bool| {
        mine.iter().filter(|line| of(line)).count() as f64 / count
    };
    let mut out = vec![
        distinct(&|line| line.source.ip.to_string()),
        distinct(&|line| line.source.asn.to_string()),
        distinct(&net),
        distinct(&|line| line.source.user_agent.clone()),
        distinct(&|line| line.source.header_order.clone()),
        distinct(&|line| format!("{:?}", line.source.ja4)),
        share(&|line| line.source.accept_language.is_some()),
        mine.iter()
            .map(|line| users_of_net[&net(line)].len())
            .max()
            .unwrap_or(0) as f64,
        mine.iter()
            .map(|line| users_of_agent[line.source.user_agent.as_str()].len())
            .max()
            .unwrap_or(0) as f64,
    ];
    for network in [
        Network::Hosting,
        Network::Residential,
        Network::Mobile,
        Network::Corporate,
        Network::Education,
    ] {
        out.push(share(&|line| line.source.network == network));
    }
    for family in [
        "OpenAI/Py",
        "OpenAI/JS",
        "Anthropic",
        "python",
        "axios",
        "Go-",
        "litellm",
        "langchain",
        "Mozilla",
        "open-webui",
    ] {
        out.push(share(&|line| line.source.user_agent.starts_with(family)));
    }
    out
}

fn of_parameters(mine: &[&ExchangeLine]) -> Vec<f64> {
    let share = |of: &dyn Fn(&ExchangeLine) -> bool| {
        mine.iter().filter(|line| of(line)).count() as f64 / mine.len() as f64
    };
    let numbers = |name: &str| -> Vec<f64> {
        mine.iter()
            .filter_map(|line| line.request[name].as_f64())
            .collect()
    };
    let mut out = Vec::new();
    for name in [
        "temperature",
        "top_p",
        "max_tokens",
        "n",
        "top_logprobs",
        "seed",
    ] {
        let values = numbers(name);
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        let spread = values
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
            / values.len().max(1) as f64;
        out.extend([values.len() as f64 / mine.len() as f64, mean, spread.sqrt()]);
    }
    for name in [
        "logprobs",
        "logit_bias",
        "response_format",
        "stream",
        "tools",
    ] {
        out.push(share(&|line| !line.request[name].is_null()));
    }
    out.push(share(&|line| line.endpoint == "/v1/embeddings"));
    out.push(share(&|line| line.endpoint == "/v1/messages"));
    out.push(share(&|line| line.model == "m1-mini"));
    out.push(share(&|line| line.model == "m2"));
    out
}

/// One world by default, eight where there is time.
fn seeds() -> u64 {
    if std::env::var_os("STILLHOUSE_SOAK").is_some() {
        8
    } else {
        1
    }
}

#[test]
fn from_level_two_up_plain_fields_do_not_tell() {
    for seed in 1..=seeds() {
        let rows = rows(&kit::make(&kit::preset("plain-fields"), seed));
        let distilling = rows.iter().filter(|row| row.distilling).count();
        let honest = rows.len() - distilling;
        assert!(
            distilling > 300 && honest > 500,
            "{distilling} and {honest}"
        );
        let area = cross_validated(&rows);
        let all: Vec<&Row> = rows.iter().collect();
        let tree = Tree::grow(&all, DEPTH).shown();
        println!("seed {seed}: {area:.3}");
        assert!(
            area <= 0.65,
            "seed {seed}: a tree of depth {DEPTH} reaches {area:.3}: {tree}"
        );
    }
}

#[test]
fn crude_levels_are_told_by_the_same_tree() {
    let mut world = kit::preset("plain-fields");
    for campaign in &mut world.campaigns {
        campaign.levels = vec![0, 1];
    }
    let area = cross_validated(&rows(&kit::make(&world, 1)));
    assert!(area > 0.9, "{area:.3}");
}
