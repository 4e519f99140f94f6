//! From written to settled: reads the file, fills in defaults, lets environment and flags win,
//! checks what no single value can say, and notes where each value came from.

mod models;
mod operator;
mod runs;
mod sections;
mod telemetry;

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::error::{Error, nearest};
use super::place::Text;
use super::report::{Line, Origin, Report};
use super::settled::Settings;
use super::written;

pub(crate) use models::DEFAULT_MODEL;

/// What environment and flags say, each with the name it was said by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outside {
    /// The settings file.
    pub(crate) config: Option<PathBuf>,
    /// The data folder.
    pub(crate) data_dir: Option<(PathBuf, Origin)>,
    /// The listeners.
    pub(crate) listen: Option<(Vec<SocketAddr>, Origin)>,
    /// Threads of the gateway.
    pub(crate) workers: Option<(usize, Origin)>,
    /// The log's filter.
    pub(crate) log_filter: Option<(String, Origin)>,
    /// The home folder, for the default data folder.
    pub(crate) home: Option<PathBuf>,
    /// How many processors there are.
    pub(crate) processors: usize,
}

/// Settles all settings.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub(crate) fn settle(outside: &Outside) -> Result<Settings, Error> {
    let found = match &outside.config {
        Some(path) => Some(path.clone()),
        None => {
            Some(default_data_dir(outside).join("stillhouse.toml")).filter(|path| path.exists())
        }
    };
    let Some(path) = found else {
        return Settler::new(Path::new(""), "", outside).settle(written::File::default(), None);
    };
    let text = std::fs::read_to_string(&path).map_err(|source| Error::Read {
        path: path.clone(),
        source,
    })?;
    let settler = Settler::new(&path, &text, outside);
    let file = toml::from_str(&text).map_err(|error| settler.refuse(&error))?;
    settler.settle(file, Some(path.clone()))
}

/// Where data is kept if the file says nothing.
fn default_data_dir(outside: &Outside) -> PathBuf {
    match (&outside.data_dir, &outside.home) {
        (Some((folder, _)), _) => folder.clone(),
        (None, Some(home)) => home.join(".local/share/stillhouse"),
        (None, None) => PathBuf::from("stillhouse-data"),
    }
}

/// Settles value by value, noting each.
struct Settler<'a> {
    text: Text<'a>,
    outside: &'a Outside,
    lines: Vec<Line>,
}

impl<'a> Settler<'a> {
    fn new(path: &'a Path, text: &'a str, outside: &'a Outside) -> Self {
        Self {
            text: Text::new(path, text),
            outside,
            lines: Vec::new(),
        }
    }

    fn settle(mut self, file: written::File, path: Option<PathBuf>) -> Result<Settings, Error> {
        let data_dir = self.won(
            "data_dir",
            self.outside.data_dir.clone(),
            file.data_dir,
            default_data_dir(self.outside),
            |path| path.display().to_string(),
        );
        let server = self.server(file.server)?;
        let operator = self.operator(file.operator)?;
        let ledger = self.ledger(file.ledger, &data_dir)?;
        let log_format = self.value("log.format", file.log.format, super::LogFormat::Text);
        let log_filter = self.won(
            "log.filter",
            self.outside.log_filter.clone(),
            file.log.filter,
            "info".to_owned(),
            Clone::clone,
        );
        let telemetry = self.telemetry(file.telemetry)?;
        let runs = self.runs(file.runs)?;
        let upstreams = self.upstreams(file.upstreams)?;
        let models = self.models(file.models, &upstreams)?;
        let plans = self.plans(file.plans, &models)?;
        Ok(Settings {
            file: path,
            data_dir,
            server,
            operator,
            ledger,
            log_format,
            log_filter,
            telemetry,
            runs,
            plans,
            upstreams,
            models,
            report: Report { lines: self.lines },
        })
    }

    /// The written value or the default, noted.
    fn value<T: Display>(&mut self, key: &str, written: Option<T>, default: T) -> T {
        let from = self.origin(key, written.is_some());
        let value = written.unwrap_or(default);
        self.note(key, value.to_string(), from);
        value
    }

    /// A value that may be missing, noted.
    fn maybe<T: Display>(&mut self, key: &str, written: Option<T>) -> Option<T> {
        let from = self.origin(key, written.is_some());
        let shown = written.as_ref().map_or("none".into(), T::to_string);
        self.note(key, shown, from);
        written
    }

    /// A list, noted.
    fn list<T: Display>(&mut self, key: &str, written: Option<Vec<T>>, default: Vec<T>) -> Vec<T> {
        let from = self.origin(key, written.is_some());
        let value = written.unwrap_or(default);
        self.note(key, listed(&value), from);
        value
    }

    /// What environment or flag say, else the written value, else the default, noted.
    fn won<T>(
        &mut self,
        key: &str,
        outside: Option<(T, Origin)>,
        written: Option<T>,
        default: T,
        show: impl Fn(&T) -> String,
    ) -> T {
        let from = self.origin(key, written.is_some());
        let (value, from) = outside.unwrap_or_else(|| (written.unwrap_or(default), from));
        self.note(key, show(&value), from);
        value
    }

    fn origin(&self, key: &str, written: bool) -> Origin {
        match written {
            false => Origin::Default,
            true => {
                let place = self.text.place_of(key);
                Origin::File {
                    path: place.file.display().to_string(),
                    line: place.line,
                }
            }
        }
    }

    fn note(&mut self, key: &str, value: String, from: Origin) {
        self.lines.push(Line {
            key: key.to_owned(),
            value,
            from,
        });
    }

    /// What is wrong at a key.
    fn wrong(&self, key: &str, what: impl Into<String>, hint: Option<String>) -> Error {
        let what = format!("`{key}`: {}", what.into());
        Error::File {
            place: self.text.place_of(key),
            what,
            hint,
        }
    }

    /// A name that is not among those that are known.
    fn unknown<'n>(
        &self,
        key: &str,
        what: &str,
        name: &str,
        known: impl Iterator<Item = &'n str> + Clone,
    ) -> Error {
        let hint = match nearest(name, known.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}", listed(&known.collect::<Vec<_>>())),
        };
        self.wrong(key, format!("there is no {what} `{name}`"), Some(hint))
    }

    /// The parser's error, with its place, and a hint for an unknown key.
    fn refuse(&self, error: &toml::de::Error) -> Error {
        let message = error.message().trim_end();
        // The text of `serde::de::Error::unknown_field`: the known names follow the unknown one.
        let mut names = message
            .strip_prefix("unknown field `")
            .map(|rest| rest.split('`').step_by(2))
            .into_iter()
            .flatten();
        let hint = names
            .next()
            .map(|unknown| match nearest(unknown, names.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here are {}", listed(&names.collect::<Vec<_>>())),
            });
        let what = match hint {
            Some(_) => message
                .split(", expected")
                .next()
                .unwrap_or(message)
                .replace("unknown field", "unknown key"),
            None => message.replace('\n', " "),
        };
        Error::File {
            place: self.text.place(error.span()),
            what,
            hint,
        }
    }
}

fn listed<T: Display>(values: &[T]) -> String {
    let shown: Vec<String> = values.iter().map(T::to_string).collect();
    match shown.is_empty() {
        true => "none".into(),
        false => shown.join(", "),
    }
}

#[cfg(test)]
mod tests;
