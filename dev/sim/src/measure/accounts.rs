//! Tables by account: how many distillers are found at a share of wrongly found honest accounts,
//! what graded steps do to both, and what is leaked before each step.

use guard::finding::Action;

use super::baselines::Scores;
use super::fold::{Label, Row, Scene};
use super::metrics::{Rate, above, area, median, threshold};
use super::table::{Cell, Table};

/// Steps of which rates are told.
const STEPS: [Action; 6] = [
    Action::Observe,
    Action::Strip,
    Action::Pace,
    Action::StepUp,
    Action::Mark,
    Action::ProposeSuspend,
];

/// The size of an account's campaign, as tables name it.
pub(super) fn size(scene: &Scene, row: &Row) -> Option<&'static str> {
    let group = scene.campaigns.get(row.campaign?)?;
    Some(match group.accounts {
        0 | 1 => "single",
        2..=40 => "ten",
        41..=400 => "a hundred",
        _ => "more",
    })
}

/// The share of honest requests in a campaign, as tables name it.
fn mixing(scene: &Scene, row: &Row) -> Option<&'static str> {
    let group = scene.campaigns.get(row.campaign?)?;
    let share = group.honest as f64 / group.exchanges.max(1) as f64;
    Some(match share {
        share if share < 0.02 => "nothing mixed in",
        share if share < 0.35 => "up to a third honest",
        share if share < 0.7 => "half honest",
        _ => "nine tenths honest",
    })
}

pub(super) fn is_single(scene: &Scene, row: &Row) -> bool {
    size(scene, row) == Some("single")
}

/// A relay sends honest requests of others: nobody finds it by content.
fn is_relay(row: &Row) -> bool {
    row.workload == "relay"
}

/// Scores of accounts that a test holds for.
pub(super) fn of(scene: &Scene, scores: &[f64], which: impl Fn(&Row) -> bool) -> Vec<f64> {
    let rows = scene.rows.iter().zip(scores);
    let active = rows.filter(|(row, _)| row.exchanges > 0);
    active
        .filter(|(row, _)| which(row))
        .map(|(_, score)| *score)
        .collect()
}

pub(super) fn honest(scene: &Scene, scores: &[f64]) -> Vec<f64> {
    of(scene, scores, |row| row.label == Label::Honest)
}

/// The guard's order of suspicion.
pub(super) fn guard(scene: &Scene) -> Scores {
    Scores {
        name: "guard",
        scores: scene.rows.iter().map(|row| row.rank).collect(),
    }
}

/// The additive evidence alone, without clusters, streams or the order of the review queue.
pub(super) fn evidence(scene: &Scene) -> Scores {
    let place = |place: usize| guard::echo::AccountNumber(place as u32);
    let score = |at: usize| {
        scene
            .watch
            .score(place(at))
            .map_or(i32::MIN, |(_, one)| one.decibans)
    };
    Scores {
        name: "evidence alone",
        scores: (0..scene.rows.len())
            .map(|at| f64::from(score(at)))
            .collect(),
    }
}

/// Detectors beside each other.
pub(super) fn detectors(title: &str, scene: &Scene, all: &[Scores]) -> Table {
    let mut table = Table::new(
        title,
        "Share of distilling accounts above the score that 1% or 0.1% of this world's honest \
         accounts exceed. Relays, which send other people's honest requests, are counted apart.",
        &[
            "detector",
            "AUC, single",
            "single at 1%",
            "single at 0.1%",
            "relays at 1%",
            "of ten at 1%",
            "of ten at 0.1%",
            "of a hundred at 1%",
            "of more at 1%",
        ],
    );
    for Scores { name, scores } in all {
        let honest = honest(scene, scores);
        let (one, tenth) = (threshold(&honest, 0.01), threshold(&honest, 0.001));
        let members = |wanted: &str| {
            of(scene, scores, |row| {
                size(scene, row) == Some(wanted) && !is_relay(row)
            })
        };
        let relays = of(scene, scores, |row| is_single(scene, row) && is_relay(row));
        let (single, ten, hundred) = (members("single"), members("ten"), members("a hundred"));
        table.row([
            Cell::from(*name),
            area(&honest, &single).into(),
            above(&single, one).into(),
            above(&single, tenth).into(),
            above(&relays, one).into(),
            above(&ten, one).into(),
            above(&ten, tenth).into(),
            above(&hundred, one).into(),
            above(&members("more"), one).into(),
        ]);
    }
    table
}

/// One detector by what tells accounts apart.
pub(super) fn slices(title: &str, scene: &Scene, scores: &[f64]) -> Table {
    let mut table = Table::new(
        title,
        "As above, for the guard. `struck` is the share for which a strip or more was proposed, at \
         the shipped thresholds.",
        &["accounts", "of", "AUC", "at 1%", "at 0.1%", "struck"],
    );
    let honest = honest(scene, scores);
    let (one, tenth) = (threshold(&honest, 0.01), threshold(&honest, 0.001));
    let mut add = |name: String, which: &dyn Fn(&Row) -> bool| {
        let some = of(scene, scores, which);
        if some.is_empty() {
            return;
        }
        let rows = scene.rows.iter().filter(|row| row.exchanges > 0);
        let struck = rows
            .filter(|row| which(row))
            .map(|row| row.first(Action::Strip).is_some());
        table.row([
            name.into(),
            Cell::Count(some.len() as u64),
            area(&honest, &some).into(),
            above(&some, one).into(),
            above(&some, tenth).into(),
            Rate::count(struck).into(),
        ]);
    };
    for recipe in crate::recipe::Recipe::ALL {
        let name = recipe.name();
        add(format!("single, {name}"), &|row| {
            is_single(scene, row) && row.workload == name
        });
    }
    for recipe in crate::recipe::Recipe::ALL {
        let name = recipe.name();
        add(format!("of campaigns, {name}"), &|row| {
            row.campaign.is_some() && !is_single(scene, row) && row.workload == name
        });
    }
    for level in ["L0", "L1", "L2", "L3", "L4", "L5"] {
        add(format!("single, {level}, without relays"), &|row| {
            is_single(scene, row) && row.level == Some(level) && !is_relay(row)
        });
    }
    for mix in [
        "nothing mixed in",
        "up to a third honest",
        "half honest",
        "nine tenths honest",
    ] {
        add(format!("single, {mix}, without relays"), &|row| {
            is_single(scene, row) && mixing(scene, row) == Some(mix) && !is_relay(row)
        });
    }
    for (name, least, most) in [
        ("under 50", 0, 50),
        ("50 to 199", 50, 200),
        ("200 to 499", 200, 500),
        ("500 and more", 500, u64::MAX),
    ] {
        add(
            format!("single, {name} exchanges, without relays"),
            &|row| {
                is_single(scene, row) && (least..most).contains(&row.exchanges) && !is_relay(row)
            },
        );
    }
    table
}

/// What each step does to whom, at the shipped thresholds.
pub(super) fn steps(title: &str, scene: &Scene) -> Table {
    let mut table = Table::new(
        title,
        "Accounts for which a step, or a harder one, was ever proposed, at the shipped thresholds. \
         Stated: the share of honest accounts that the card states; measured: that share here, over \
         the stated one.",
        &[
            "step",
            "stated",
            "measured / stated",
            "honest accounts, wrongly",
            "resellers of honest traffic, wrongly",
            "single",
            "of ten",
            "of a hundred",
            "of more",
        ],
    );
    for step in STEPS {
        let rate = |which: &dyn Fn(&Row) -> bool| {
            let rows = scene.rows.iter().filter(|row| row.exchanges > 0);
            Rate::count(
                rows.filter(|row| which(row))
                    .map(|row| row.first(step).is_some()),
            )
        };
        let members = |wanted: &'static str| {
            rate(&|row: &Row| size(scene, row) == Some(wanted) && !is_relay(row))
        };
        let stated = &scene.watch.card().reference.stated;
        let stated = stated.get(step as usize).copied().unwrap_or(0.0);
        let wrong = rate(&|row| row.label == Label::Honest);
        let ratio = match stated > 0.0 {
            true => Cell::Number(wrong.share() / stated, 2),
            false => Cell::Nothing,
        };
        table.row([
            Cell::from(step.name()),
            format!("{}%", 100.0 * stated).into(),
            ratio,
            wrong.into(),
            rate(&|row| row.label == Label::Honest && resells(row)).into(),
            members("single").into(),
            members("ten").into(),
            members("a hundred").into(),
            members("more").into(),
        ]);
    }
    table
}

fn resells(row: &Row) -> bool {
    matches!(
        row.workload,
        "aggregator-declared" | "aggregator-undeclared" | "saas"
    )
}

/// Wrong steps by honest workload.
pub(super) fn workloads(title: &str, scene: &Scene) -> Table {
    let mut table = Table::new(
        title,
        "Honest accounts for which a step was proposed by mistake, at the shipped thresholds; \
         `in the top 1%`: those above the score that 1% of all honest accounts exceed. \
         `synthetic-granted` has leave, and counts as neither right nor wrong above.",
        &[
            "workload",
            "accounts",
            "in the top 1%",
            "strip",
            "pace",
            "propose_suspend",
        ],
    );
    let scores: Vec<f64> = scene.rows.iter().map(|row| row.rank).collect();
    let one = threshold(&honest(scene, &scores), 0.01);
    for workload in &crate::WORKLOADS {
        let rows = scene.rows.iter().filter(|row| row.exchanges > 0);
        let mine: Vec<&Row> = rows
            .filter(|row| row.campaign.is_none() && row.workload == workload.name)
            .collect();
        if mine.is_empty() {
            continue;
        }
        let rate = |step| Rate::count(mine.iter().map(|row| row.first(step).is_some())).into();
        table.row([
            Cell::from(workload.name),
            Cell::Count(mine.len() as u64),
            Rate::count(mine.iter().map(|row| row.rank > one)).into(),
            rate(Action::Strip),
            rate(Action::Pace),
            rate(Action::ProposeSuspend),
        ]);
    }
    table
}

/// What single accounts get before each step.
pub(super) fn leaks(title: &str, scene: &Scene) -> Table {
    let mut table = Table::new(
        title,
        "Exchanges of single campaigns, relays left out, before a step was proposed; one that was \
         never proposed comes after all. Busy: 500 exchanges and more.",
        &[
            "step",
            "busy accounts",
            "median before, busy",
            "mean before, busy",
            "mean of all, busy",
            "share of all that singles get before",
        ],
    );
    let single: Vec<&Row> = scene
        .rows
        .iter()
        .filter(|row| is_single(scene, row) && !is_relay(row))
        .collect();
    for step in STEPS {
        let before = |row: &Row| row.first(step).unwrap_or(row.exchanges) as f64;
        let busy = single.iter().filter(|row| row.exchanges >= 500);
        let leaked: Vec<f64> = busy.clone().map(|row| before(row)).collect();
        let mean = |sum: f64| sum / leaked.len().max(1) as f64;
        let got = single.iter().map(|row| before(row)).sum::<f64>();
        let all: u64 = single.iter().map(|row| row.exchanges).sum();
        table.row([
            Cell::from(step.name()),
            Cell::Count(leaked.len() as u64),
            median(&leaked).map_or(Cell::Nothing, |median| Cell::Number(median, 0)),
            Cell::Number(mean(leaked.iter().sum()), 0),
            Cell::Number(mean(busy.map(|row| row.exchanges as f64).sum()), 0),
            Cell::Number(100.0 * got / (all as f64).max(1.0), 1),
        ]);
    }
    table
}

/// Routers against resellers who have honest users only.
pub(super) fn routers(title: &str, scene: &Scene, all: &[Scores]) -> Table {
    let mut table = Table::new(
        title,
        "Accounts of routers that mix, hop and strip, against resellers of honest traffic alone: \
         `aggregator-declared`, `aggregator-undeclared`, `saas`. No router was fitted on: the \
         fitted worlds know other recipes, texts and templates.",
        &["detector", "routers", "resellers", "AUC", "at 5%", "at 1%"],
    );
    for Scores { name, scores } in all {
        let resellers = of(scene, scores, |row| {
            row.label == Label::Honest && resells(row)
        });
        let routers = of(scene, scores, |row| {
            row.campaign.is_some() && !is_single(scene, row) && !is_relay(row)
        });
        table.row([
            Cell::from(*name),
            Cell::Count(routers.len() as u64),
            Cell::Count(resellers.len() as u64),
            area(&resellers, &routers).into(),
            above(&routers, threshold(&resellers, 0.05)).into(),
            above(&routers, threshold(&resellers, 0.01)).into(),
        ]);
    }
    table
}
