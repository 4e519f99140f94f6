//! What is in a world: a TOML file or a preset, checked before anything is made. No randomness.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::draw::hash;
use crate::error::SimError;
use crate::recipe::Recipe;
use crate::workload;

/// The presets, by name.
pub const PRESETS: [(&str, &str); 10] = [
    ("small", include_str!("../worlds/small.toml")),
    ("fit", include_str!("../worlds/fit.toml")),
    ("calibrate", include_str!("../worlds/calibrate.toml")),
    ("test-recipes", include_str!("../worlds/test-recipes.toml")),
    ("clusters-10", include_str!("../worlds/clusters-10.toml")),
    ("clusters-100", include_str!("../worlds/clusters-100.toml")),
    (
        "clusters-1000",
        include_str!("../worlds/clusters-1000.toml"),
    ),
    ("router-20000", include_str!("../worlds/router-20000.toml")),
    ("honest-30000", include_str!("../worlds/honest-30000.toml")),
    ("plain-fields", include_str!("../worlds/plain-fields.toml")),
];

/// A world as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// One line on what it is for.
    pub about: String,
    /// How long it lasts.
    pub days: f64,
    /// RFC 3339; a Monday by habit.
    #[serde(default = "monday")]
    pub start: String,
    /// Which third of the wordings, 0 to 2.
    #[serde(default)]
    pub dialect: u8,
    /// Families of texts: `name`, `name@k/m`, or `builtin`.
    pub families: Vec<String>,
    /// Where arrival times come from.
    #[serde(default)]
    pub traces: TracesFrom,
    /// Accounts by honest workload.
    #[serde(default)]
    pub honest: BTreeMap<String, u32>,
    /// Least, median and most exchanges of an honest account.
    #[serde(default = "volumes")]
    pub honest_exchanges: [u32; 3],
    /// Honest accounts suspended (by mistake, for want of payment) per account and day.
    #[serde(default)]
    pub suspensions: f64,
    /// Models that come out.
    #[serde(default)]
    pub releases: Vec<Release>,
    /// Distillers.
    #[serde(default, rename = "campaign")]
    pub campaigns: Vec<CampaignSpec>,
}

/// Where arrival times come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TracesFrom {
    /// The real traces of the data folder.
    #[default]
    Data,
    /// Stand-ins.
    Builtin,
}

/// A model that comes out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Days from the start.
    pub day: f64,
    /// Its name.
    pub model: String,
}

/// A set of alike campaigns.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampaignSpec {
    /// Names of recipes, or `all`.
    pub recipes: Vec<String>,
    /// Campaigns of each recipe.
    #[serde(default = "one")]
    pub count: u32,
    /// Attacker levels 0 to 5, taken in turn.
    pub levels: Vec<u8>,
    /// Accounts of a campaign.
    pub accounts: u32,
    /// Honest shares of the traffic, taken in turn.
    #[serde(default = "unmixed")]
    pub mix: Vec<f64>,
    /// Probability that a conversation goes on under another account.
    #[serde(default)]
    pub hop: f64,
    /// The router takes the marks of its customers' clients away.
    #[serde(default = "yes")]
    pub strip: bool,
    /// Least, median and most exchanges of an account in the whole world, honest ones included.
    pub exchanges: Option<[u32; 3]>,
    /// The same per day.
    pub per_day: Option<[f64; 3]>,
    /// Accounts suspended per account and day; each is replaced within the hour.
    #[serde(default)]
    pub suspend_per_day: f64,
    /// Goes over to a model on the day it comes out.
    #[serde(default = "yes")]
    pub pivot: bool,
}

fn monday() -> String {
    "2026-09-07T00:00:00Z".to_owned()
}
fn volumes() -> [u32; 3] {
    [5, 120, 3_000]
}
fn one() -> u32 {
    1
}
fn unmixed() -> Vec<f64> {
    vec![0.0]
}
fn yes() -> bool {
    true
}

impl World {
    /// A preset, or the TOML text of a world.
    pub fn parse(name: &str, text: &str) -> Result<Self, SimError> {
        let world: Self = toml::from_str(text)
            .map_err(|err| SimError::World(format!("{name}: {}", err.message())))?;
        world.check()?;
        Ok(world)
    }

    /// A preset by name.
    pub fn preset(name: &str) -> Option<Result<Self, SimError>> {
        let (_, text) = PRESETS.iter().find(|(preset, _)| *preset == name)?;
        Some(Self::parse(name, text))
    }

    /// The start, in milliseconds since 1970.
    pub fn start_ms(&self) -> Result<i64, SimError> {
        self.start
            .parse::<jiff::Timestamp>()
            .map(jiff::Timestamp::as_millisecond)
            .map_err(|err| SimError::World(format!("start: {err}")))
    }

    /// The end, in milliseconds since 1970.
    pub fn end_ms(&self) -> Result<i64, SimError> {
        Ok(self.start_ms()? + (self.days * 86_400_000.0) as i64)
    }

    /// Tells one world from another in seeds.
    pub fn number(&self) -> u64 {
        hash(&[self.about.as_bytes(), &[self.dialect]])
    }

    /// Keeps only (or all but) some recipes in every campaign, for leaving one out.
    pub fn choose(&mut self, only: &[String], without: &[String]) -> Result<(), SimError> {
        for name in only.iter().chain(without) {
            Recipe::named(name)?;
        }
        for campaign in &mut self.campaigns {
            if !only.is_empty() {
                campaign.recipes = only.to_vec();
            }
            let all = campaign.recipes()?;
            campaign.recipes = all
                .into_iter()
                .map(|recipe| recipe.name().to_owned())
                .filter(|name| !without.contains(name))
                .collect();
        }
        self.campaigns
            .retain(|campaign| !campaign.recipes.is_empty());
        Ok(())
    }

    /// Makes this share of the accounts; campaigns stay as large, there are fewer (one at least).
    pub fn scale(&mut self, share: f64) {
        let scaled = |count: u32| ((f64::from(count) * share).round() as u32).max(1);
        for count in self.honest.values_mut() {
            *count = scaled(*count);
        }
        for campaign in &mut self.campaigns {
            campaign.count = scaled(campaign.count);
        }
    }

    fn check(&self) -> Result<(), SimError> {
        let fail = |why: String| Err(SimError::World(why));
        if !(self.days > 0.0 && self.days <= 400.0) {
            return fail(format!(
                "days is {}, and must be above 0 and at most 400",
                self.days
            ));
        }
        if self.dialect > 2 {
            return fail("dialect is 0, 1 or 2".into());
        }
        if self.families.is_empty() {
            return fail("families is empty; `builtin` needs no data folder".into());
        }
        self.start_ms()?;
        if let Some(name) = self
            .honest
            .keys()
            .find(|name| workload::named(name).is_none())
        {
            return fail(format!("no honest workload is called `{name}`; see `list`"));
        }
        if !ordered(&self.honest_exchanges) {
            return fail("honest_exchanges is [least, median, most]".into());
        }
        if self
            .campaigns
            .iter()
            .any(|campaign| campaign.levels.iter().any(|level| *level >= 2))
            && self.honest.values().all(|count| *count == 0)
        {
            return fail(
                "campaigns from L2 up hide behind honest workloads; this world has none".into(),
            );
        }
        self.campaigns.iter().try_for_each(CampaignSpec::check)
    }
}

fn ordered<T: PartialOrd>(three: &[T; 3]) -> bool {
    three[0] <= three[1] && three[1] <= three[2]
}

impl CampaignSpec {
    /// The recipes it names.
    pub fn recipes(&self) -> Result<Vec<Recipe>, SimError> {
        if self.recipes.iter().any(|name| name == "all") {
            return Ok(Recipe::ALL.to_vec());
        }
        self.recipes
            .iter()
            .map(|name| Recipe::named(name))
            .collect()
    }

    fn check(&self) -> Result<(), SimError> {
        let fail = |why: &str| Err(SimError::World(format!("campaign: {why}")));
        self.recipes()?;
        if self.recipes.is_empty()
            || self.accounts == 0
            || self.levels.is_empty()
            || self.mix.is_empty()
        {
            return fail("recipes, accounts, levels and mix must each hold something");
        }
        if self.levels.iter().any(|level| *level > 5) {
            return fail("levels are 0 to 5");
        }
        if self
            .mix
            .iter()
            .chain([&self.hop])
            .any(|share| !(0.0..1.0).contains(share))
        {
            return fail("mix and hop are shares from 0 to below 1");
        }
        match (&self.exchanges, &self.per_day) {
            (Some(three), None) if ordered(three) && three[0] > 0 => Ok(()),
            (None, Some(three)) if ordered(three) && three[0] > 0.0 => Ok(()),
            _ => fail("give either exchanges or per_day as [least, median, most]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_well_formed() {
        for (name, _) in PRESETS {
            World::preset(name)
                .unwrap()
                .unwrap_or_else(|err| panic!("{name}: {err}"));
        }
    }

    #[test]
    fn worlds_of_fit_and_test_share_nothing() {
        let world = |name| World::preset(name).unwrap().unwrap();
        let names = ["fit", "calibrate", "test-recipes"];
        for (one, other) in [(0, 1), (0, 2), (1, 2)] {
            let (one, other) = (world(names[one]), world(names[other]));
            assert_ne!(one.dialect, other.dialect);
            assert!(
                one.families
                    .iter()
                    .all(|family| !other.families.contains(family))
            );
            let recipes = |world: &World| -> Vec<&str> {
                world
                    .campaigns
                    .iter()
                    .flat_map(|c| c.recipes().unwrap())
                    .map(Recipe::name)
                    .collect()
            };
            let theirs = recipes(&other);
            assert!(recipes(&one).iter().all(|recipe| !theirs.contains(recipe)));
        }
    }

    #[test]
    fn leaving_one_out() {
        let mut world = World::preset("test-recipes").unwrap().unwrap();
        world.choose(&["all".to_owned()], &[]).unwrap_err();
        world.choose(&[], &["relay".to_owned()]).unwrap();
        assert!(
            world
                .campaigns
                .iter()
                .all(|c| !c.recipes.contains(&"relay".to_owned()))
        );
    }

    #[test]
    fn mistakes_are_told() {
        let wrong = |text: &str| World::parse("w", text).unwrap_err().to_string();
        let base = "about = 'x'\ndays = 1\nfamilies = ['builtin']\n";
        assert!(wrong(&format!("{base}[honest]\nnobody = 1")).contains("nobody"));
        assert!(wrong(&format!("{base}colour = 1")).contains("colour"));
        let campaign = format!("{base}[[campaign]]\nrecipes=['relay']\nlevels=[1]\naccounts=1\n");
        assert!(wrong(&campaign).contains("either exchanges or per_day"));
    }
}
