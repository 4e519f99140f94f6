//! The arguments of the process's own verbs, and those for every command, as clap derives them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::distill::DistillVerb;
use super::models::ModelVerb;

/// A gateway in front of language models, with a ledger that forgets nothing.
#[derive(Debug, Parser)]
#[command(
    name = "stillhouse",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// For every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The settings file (env STILLHOUSE_CONFIG; else stillhouse.toml in the data folder).
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Where ledger, socket and models are (env STILLHOUSE_DATA_DIR).
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(super) data_dir: Option<PathBuf>,
    /// JSON instead of text.
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// What a server is started with, in place of the settings file's.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Addresses of the public port (env STILLHOUSE_LISTEN).
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    pub(super) listen: Vec<SocketAddr>,
    /// Threads of the gateway (env STILLHOUSE_WORKERS).
    #[arg(long, value_name = "N")]
    pub(super) workers: Option<usize>,
    /// What is logged, as RUST_LOG has it (env STILLHOUSE_LOG).
    #[arg(long, value_name = "FILTER")]
    pub(super) log: Option<String>,
}

/// What a replay reads and where it writes.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// A folder with traffic.jsonl, a folder of logs, or one log (.jsonl, .json or .log, also .zst or .gz).
    pub(super) input: PathBuf,
    /// The folder to write findings and report to: not there yet, or empty.
    #[arg(long, value_name = "FOLDER")]
    pub(super) out: PathBuf,
    /// The kind of log; told from its first lines where it is not named.
    #[arg(long, value_name = "KIND", value_parser = ["traffic", "litellm", "helicone", "access-log", "stored-completions"])]
    pub(super) from: Option<String>,
    /// The field of a log that tells whose a request is, such as metadata.customer.
    #[arg(long, value_name = "FIELD")]
    pub(super) account: Option<String>,
    /// The key of the digests, 64 hexadecimal digits, where lines hold digests of your own ledger.
    #[arg(long, value_name = "HEX")]
    pub(super) hash_key: Option<String>,
    /// A card that `guard fit` made, in place of the one that comes with the program.
    #[arg(long, value_name = "FILE")]
    pub(super) card: Option<PathBuf>,
    /// Threads that read and digest; one a processor where it is not said.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) threads: Option<u16>,
    /// Writes into a folder that is not empty, over what an earlier replay wrote there.
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Runs the server until SIGTERM or SIGINT; SIGHUP reads plans, models and upstreams again.
    Serve(Serve),
    /// How the server, its ledger and its models are.
    Status,
    /// Models that are served, and models for the server's own process.
    Model {
        #[command(subcommand)]
        verb: ModelVerb,
    },
    /// What is wrong with this server, and what to do. Ends with 1 after warnings, 2 after faults.
    Doctor,
    /// Makes a data folder from a backup, verified before and after.
    Restore {
        /// The folder that `ledger backup` made.
        backup: PathBuf,
        /// The data folder to make: not there yet, or empty.
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
        /// Where signing.key and vault.key are, if the backup was made without them.
        #[arg(long, value_name = "FOLDER")]
        keys: Option<PathBuf>,
    },
    /// The guard: what it judges by.
    Guard {
        #[command(subcommand)]
        verb: GuardVerb,
    },
    /// Sanctioned distillation: a student learns from its teacher under a grant. Runs in the
    /// foreground, where no server runs on the data folder.
    Distill {
        #[command(subcommand)]
        verb: DistillVerb,
    },
    /// The learning of a run: takes one job over standard input. `distill` starts it.
    #[command(hide = true)]
    Trainer {
        /// Learns when nobody else wants to compute.
        #[arg(long)]
        background: bool,
    },
    /// Tries the guard on old traffic or another gateway's logs. Needs no server, touches nobody.
    Replay(Replay),
    /// The settings.
    Config {
        #[command(subcommand)]
        verb: ConfigVerb,
    },
    /// Completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Manual pages, one a command, written to a folder.
    Man {
        /// The folder; made if it is not there.
        folder: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigVerb {
    /// Prints every settled value and where it came from.
    Check(Serve),
}

#[derive(Debug, Subcommand)]
pub(super) enum GuardVerb {
    /// Fits a card on labelled traffic: what signals are worth, and from where on it proposes what.
    Fit(Fit),
}

/// What a fit reads and writes.
#[derive(Debug, Args)]
pub(super) struct Fit {
    /// Folders of labelled traffic: accounts.jsonl, traffic.jsonl and truth.jsonl.
    #[arg(required = true)]
    pub(super) folders: Vec<PathBuf>,
    /// A folder of traffic to calibrate on, other than those: with truth.jsonl its honest accounts are
    /// the reference, without it all accounts that the shipped card does not find.
    #[arg(long, value_name = "FOLDER")]
    pub(super) reference: PathBuf,
    /// The file to write the card to.
    #[arg(long, value_name = "FILE")]
    pub(super) out: PathBuf,
    /// Threads that read and digest; one a processor where it is not said.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) threads: Option<u16>,
}
